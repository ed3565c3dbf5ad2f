import assert from "node:assert/strict";
import { tracingChannel } from "node:diagnostics_channel";
import { inspect } from "node:util";

import { ProviderFailureError, UnavailableError } from "../../iaas/errors.ts";
import type { Iaas } from "../../iaas/iaas.ts";
import type { LaunchOptions } from "../../iaas/launch-options.ts";
import { Secret } from "../../iaas/secret.ts";
import type { CallTrace } from "../../iaas/tracing.ts";
import { Payload } from "../../payload/payload.ts";
import type { Behaviour, Trial } from "../behaviour.ts";
import { refusal, rejection, withoutText } from "../expectations.ts";
import { alwaysRefuse, changeHook } from "../hook-faults.ts";
import { given, where } from "../needs.ts";

const canary = "canary-5f0c";

/** What an HTTP library throws: the request, its headers and its body hang on it. */
function httpError(text: string): Error {
  const config = { headers: { Authorization: `Bearer ${text}` }, data: JSON.stringify({ user_data: text }) };
  const response = { status: 500, config, data: text, headers: { "set-cookie": [`session=${text}`] } };
  return Object.assign(new Error("Request failed with status code 500"), { config, response, request: { config } });
}

/** A launch whose payload holds the canary. */
function secretLaunch({ launchOptions }: Trial): LaunchOptions {
  const payload = Payload.environment({ TOKEN: new Secret(canary) });
  return launchOptions({ payload, payloadFormat: "env-file", allowInlineSecrets: true, ports: [], timeoutMs: 20_000 });
}

async function failing(iaas: Iaas, options: LaunchOptions, thrown: (text: string) => unknown): Promise<unknown> {
  alwaysRefuse(iaas, "_launch", () => thrown(canary));
  return await rejection(iaas.launch(options));
}

/** No error, trace or inspection shows a secret. */
export const secrets: readonly Behaviour[] = [
  {
    id: "payload.secret",
    name: "an error of a launch with a secret payload does not show the secret",
    run: async ({ iaas, launchOptions }) => {
      const long = `canary-${"x".repeat(iaas.capabilities.payload.maxBytes.value * 2)}`;
      const payload = Payload.environment({ TOKEN: new Secret(long) });
      const options = launchOptions({ payload, payloadFormat: "env-file", allowInlineSecrets: true });
      const error = await refusal(iaas, async () => await iaas.launch(options), "IAAS_PAYLOAD_TOO_LARGE");
      withoutText(error, "canary-x");
    },
  },
  {
    id: "payload.readable-secret",
    name: "a secret payload is refused where others can read it, unless the caller says that they may",
    needs: where("payload not confidential", ({ payload }) => !payload.confidential),
    run: async (trial) => {
      const { iaas } = trial;
      const { allowInlineSecrets: _allowed, ...options } = secretLaunch(trial);
      const error = await refusal(iaas, async () => await iaas.launch(options), "IAAS_INVALID_INPUT");
      withoutText(error, canary);
    },
  },
  {
    id: "secrets.raw-error",
    name: "what an HTTP library throws is not kept: its headers and bodies show in nothing",
    run: async (trial) => {
      withoutText(await failing(trial.iaas, secretLaunch(trial), httpError), canary);
    },
  },
  {
    id: "secrets.raw-cause",
    name: "a raw error that stands behind errors of the library is not kept either",
    run: async (trial) => {
      const at = { provider: trial.iaas.provider, operation: "launch" };
      const nested = (text: string): unknown => {
        const cause = new UnavailableError(`no answer to ${text}`, { ...at, cause: httpError(text) });
        return new ProviderFailureError("it broke", { ...at, cause });
      };
      withoutText(await failing(trial.iaas, secretLaunch(trial), nested), canary);
    },
  },
  {
    id: "secrets.echoed",
    name: "a cloud that repeats a payload in its answer does not make an error show it, in no encoding",
    run: async (trial) => {
      const encodings = ["utf8", "base64", "hex", "base64url"] as const;
      for (const encoding of encodings) {
        const encoded = Buffer.from(canary).toString(encoding);
        const echoing = (): unknown => new Error(`user data ${encoded} is not valid`);
        withoutText(await failing(trial.iaas, secretLaunch(trial), echoing), encoded.replace(/=+$/, ""));
      }
    },
  },
  {
    id: "secrets.plan",
    name: "what a hook is told to launch does not show the payload when it is printed",
    run: async (trial) => {
      const shown: string[] = [];
      const { iaas } = trial;
      changeHook<unknown>(iaas, "_launch", async (_perform, input) => {
        shown.push(inspect(input, { depth: 20, showHidden: true }), JSON.stringify(input));
        throw await Promise.resolve(new Error("enough"));
      });
      await rejection(iaas.launch(secretLaunch(trial)));
      assert.ok(shown.length > 0 && !shown.join("\n").includes(canary), shown.join("\n"));
    },
  },
  {
    id: "secrets.trace",
    name: "what subscribers of the trace get does not show the payload",
    run: async (trial) => {
      const { start, end, asyncStart, asyncEnd, error } = tracingChannel<CallTrace, CallTrace>("iaaskit:call");
      const seen: string[] = [];
      const see = (message: unknown): number => seen.push(inspect(message, { depth: 20, showHidden: true }));
      const channels = [start, end, asyncStart, asyncEnd, error];
      for (const channel of channels) channel.subscribe(see);
      try {
        await failing(trial.iaas, secretLaunch(trial), httpError);
      } finally {
        for (const channel of channels) channel.unsubscribe(see);
      }
      assert.ok(seen.length > 0);
      assert.ok(!seen.join("\n").includes(canary), seen.join("\n"));
    },
  },
  {
    id: "secrets.credentials",
    name: "an error whose text repeats the credentials does not show them",
    needs: given("secrets"),
    run: async ({ iaas, secrets: credentials }) => {
      for (const secret of credentials) {
        alwaysRefuse(iaas, "_probe", () => Object.assign(httpError(secret), { message: `bad token ${secret}` }));
        withoutText(await rejection(iaas.probe({ timeoutMs: 20_000 })), secret);
      }
    },
  },
  {
    id: "secrets.inspect",
    name: "an Iaas that is printed does not show its credentials",
    needs: given("secrets"),
    run: async ({ iaas, secrets: credentials }) => {
      await iaas.probe();
      const shown = inspect(iaas, { depth: 20, showHidden: true }) + JSON.stringify(iaas);
      for (const secret of credentials) assert.ok(!shown.includes(secret));
    },
  },
];
