import type { Capabilities } from "../iaas/capabilities.ts";
import { type ErrorOrigin, IaasError } from "../iaas/errors.ts";
import type { Iaas } from "../iaas/iaas.ts";
import { checkLaunch, type LaunchOptions } from "../iaas/launch-options.ts";
import type { PayloadHosting } from "../payload/hosting/hosting.ts";
import type { Cartridge } from "./model.ts";
import { resolveCartridge, type ResolveOptions } from "./resolve.ts";

/** Why a cartridge cannot run on an Iaas (`error`), or not quite as it says (`warning`). */
export interface LintFinding {
  readonly level: "error" | "warning";
  /** Type of the Iaas, as the cartridge names it. */
  readonly on: string;
  readonly message: string;
}

export interface LintOptions extends Omit<ResolveOptions, "on"> {
  /** The type by which the cartridge names the Iaas. Default: the name of its provider. */
  readonly on?: string | undefined;
}

/** Say what of a cartridge cannot run on an Iaas, and why, from its capabilities alone: nothing is asked of the cloud. */
export function lintCartridge(cartridge: Cartridge, iaas: Iaas, options: LintOptions = {}): LintFinding[] {
  const on = options.on ?? iaas.provider;
  const at: ErrorOrigin = { provider: iaas.provider, operation: "lintCartridge" };
  const error = (message: string): LintFinding => ({ level: "error", on, message });
  const warning = (message: string): LintFinding => ({ level: "warning", on, message });
  let launch: LaunchOptions;
  try {
    launch = { ...resolveCartridge(cartridge, { ...options, on }), key: "lint" };
  } catch (problem) {
    return [error(messageOf(problem))];
  }
  const { image, size, key, payloadFormat, allowInlineSecrets, ...fields } = launch;
  const problems = [
    problemOf({ image, size, key }, iaas.capabilities, iaas.payloadHost, at),
    // One field at a time, and no size: so the first that cannot be does not hide the others.
    ...Object.entries(fields).map(([field, value]) =>
      problemOf(
        { image, key, payloadFormat, allowInlineSecrets, [field]: value },
        { ...iaas.capabilities, sizeRequired: false },
        iaas.payloadHost,
        at,
      ),
    ),
  ].filter((problem) => problem !== null);
  const findings = [...new Set(problems)].map(error);
  if ((launch.ports ?? []).length > 0 && !iaas.can("securityGroups")) {
    findings.push(warning("no security groups: its ports are open to whoever reaches the instance"));
  }
  if (iaas.capabilities.payload.channel === "direct" && (launch.payload?.cloudConfig.length ?? 0) > 0) {
    findings.push(warning("cloud-config is put in place and not applied"));
  }
  return findings;
}

function problemOf(
  launch: LaunchOptions,
  capabilities: Capabilities,
  payloadHost: PayloadHosting | null,
  at: ErrorOrigin,
): string | null {
  try {
    checkLaunch(launch, capabilities, payloadHost, at);
    return null;
  } catch (problem) {
    return messageOf(problem);
  }
}

function messageOf(problem: unknown): string {
  if (!IaasError.is(problem)) throw problem;
  return problem.message;
}
