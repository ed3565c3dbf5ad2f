import type { z } from "zod";

import type { Caller, ErrorMapper } from "./call.ts";
import type { Clock } from "./clock.ts";
import { type Capabilities, type FacetName, facetNames, type FacetTypes, isOn } from "./capabilities.ts";
import { InvalidInputError } from "./errors.ts";
import type { LaunchOptions } from "./launch-options.ts";
import type { Secret } from "./secret.ts";
import { check } from "./validation.ts";
import type { PayloadHosting } from "../payload/hosting/hosting.ts";

/** What everybody gives who makes an Iaas. */
export interface IaasOptions {
  /** Whose machines these are: written on everything, and nothing of anybody else is touched. */
  readonly owner: string;
  /** Time for every wait, deadline and token bucket. Default: this machine's. */
  readonly clock?: Clock | undefined;
  /** Where payloads wait that are too long for the cloud, or too secret. Default: such a launch is refused. */
  readonly payloadHost?: PayloadHosting | undefined;
}

/** The names of these options, for a constructor that refuses what it does not know. */
export const iaasOptionFields: readonly string[] = Object.keys({
  owner: 0,
  clock: 0,
  payloadHost: 0,
} satisfies Record<keyof IaasOptions, 0>);

/** A maker for each facet whose flag is on or `"probe"`; where the flag differs by machine, it may be missing. */
export type FacetMakers<C extends Capabilities> = {
  readonly [Name in FacetName as false extends C[Name] ? never : Name]: (caller: Caller) => FacetTypes[Name];
} & {
  readonly [Name in FacetName as C[Name] extends false ? never : false extends C[Name] ? Name : never]?: (
    caller: Caller,
  ) => FacetTypes[Name];
};

/** What a provider tells the base class about itself. */
export interface ProviderDefinition<C extends Capabilities> {
  /** As `ec2`: stands in errors, traces and in the `providerOptions` of a launch. */
  readonly provider: string;
  readonly capabilities: C;
  /** Endpoint and account, without a secret: those that share them share the rate limits. */
  readonly connection: string;
  /** The region that this Iaas is in; `null` where the cloud has none. */
  readonly region: string | null;
  /** Credentials: no error, trace or message shows them. */
  readonly secrets: readonly (string | Secret)[];
  readonly facets: FacetMakers<C>;
  readonly toError: ErrorMapper;
  /** Schema of this provider's own settings of a launch; none when left out. */
  readonly launchOptions?: z.ZodType<Readonly<Record<string, unknown>>> | undefined;
}

/** @throws TypeError when a flag and a facet disagree: that is a defect of the provider. */
export function makeFacets<C extends Capabilities>(
  { provider, capabilities, facets }: ProviderDefinition<C>,
  caller: Caller,
): Partial<FacetTypes> {
  const makers = facets as Partial<Record<FacetName, (caller: Caller) => unknown>>;
  for (const name of facetNames) {
    const isPossible = capabilities[name] !== false;
    if (isPossible !== (makers[name] !== undefined)) {
      throw new TypeError(`${provider}: the flag ${name} is ${isPossible ? "on" : "off"}, its facet is not`);
    }
  }
  return Object.fromEntries(Object.entries(makers).map(([name, make]) => [name, make(caller)]));
}

/** Of the facets, those whose flags are on at the moment of asking. */
export function facetsThatAreOn(facets: Partial<FacetTypes>, capabilities: () => Capabilities): Partial<FacetTypes> {
  const on: Partial<FacetTypes> = {};
  for (const name of facetNames) {
    Object.defineProperty(on, name, { get: () => (isOn(capabilities(), name) ? facets[name] : undefined) });
  }
  return on;
}

/** @throws InvalidInputError when the settings that a launch has for this provider break its schema. */
export function providerOptionsOf<C extends Capabilities>(
  { provider, launchOptions }: ProviderDefinition<C>,
  asked: LaunchOptions,
): Readonly<Record<string, unknown>> {
  const at = { provider, operation: "launch" };
  const own = asked.providerOptions?.[provider];
  if (own === undefined) return {};
  const path = `providerOptions.${provider}`;
  check(launchOptions !== undefined, path, "is not known: this provider has no settings of its own", at);
  const parsed = launchOptions.safeParse(own);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new InvalidInputError([path, ...(issue?.path ?? [])].join("."), issue?.message ?? "is not valid", at);
}
