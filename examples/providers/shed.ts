/** A provider for a cloud that this library does not know: capabilities, five hooks, and what its errors mean. */
import * as iaaskit from "iaaskit";
import type { CallContext, ErrorOrigin, FoundInstance, IaasOptions, LaunchInput, ListInput } from "iaaskit";

const limit = (value: number) => ({ value, source: "https://shed.example/limits" });

export const shedCapabilities = iaaskit.defineCapabilities({
  payload: { channel: "user-data", maxBytes: limit(4096), measuredOn: "base64", gzip: false, confidential: false },
  publicAddress: "automatic",
  placement: { region: false, zone: false, host: false },
  names: { pattern: "^[a-z0-9-]+$", maxLength: limit(63) },
  tags: { maxCount: limit(20), maxKeyLength: limit(64), maxValueLength: limit(255) },
  idempotency: "tag", // no tokens, and names are not unique: the base looks before and after
  visibilityLagMs: 0,
  pollIntervalMs: 200,
  billingStepSeconds: 3600,
});

export class ShedIaas extends iaaskit.Iaas<typeof shedCapabilities> {
  readonly #url: string;
  readonly #token: string;

  constructor({ url, token, ...options }: IaasOptions & { readonly url: string; readonly token: string }) {
    const about = { provider: "shed", connection: url, region: null, secrets: [token], facets: {} };
    super({ ...about, capabilities: shedCapabilities, toError }, options);
    this.#url = url;
    this.#token = token;
  }

  protected override async _probe(context: CallContext) {
    const { account } = await this.#request("GET", "/account", context);
    return { account: account as string, findings: {} };
  }

  protected override async _launch({ name, image, tags, plan }: LaunchInput, context: CallContext) {
    const userData = plan === null ? null : Buffer.from(plan.body).toString("base64");
    return toInstance(await this.#request("POST", "/machines", context, { name, image, labels: tags, userData }));
  }

  protected override async _get({ id }: { readonly id: string }, context: CallContext) {
    return toInstance(await this.#request("GET", `/machines/${encodeURIComponent(id)}`, context));
  }

  protected override async _list({ marker }: ListInput, context: CallContext) {
    const { machines, next } = await this.#request("GET", `/machines?after=${marker ?? ""}`, context);
    return { items: (machines as Answer[]).map(toInstance), marker: next as string | null };
  }

  protected override async _terminate({ id }: { readonly id: string }, context: CallContext) {
    await this.#request("DELETE", `/machines/${encodeURIComponent(id)}`, context);
  }

  async #request(method: string, path: string, { signal }: CallContext, body?: object): Promise<Answer> {
    const headers = { authorization: `Bearer ${this.#token}`, "content-type": "application/json" };
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(`${this.#url}${path}`, { method, headers, signal, redirect: "error", ...content });
    if (response.ok) return (await response.json()) as Answer;
    throw Object.assign(new Error(await response.text()), { name: String(response.status) });
  }
}

// A real provider checks what it reads, with zod for instance.
type Answer = Record<string, unknown>;

function toInstance(machine: Answer): FoundInstance {
  const { id, name, image, status, address, created, labels } = machine as Record<string, string>;
  const states = { building: "pending", running: "running", deleted: "terminated" } as const;
  const none = { failure: null, size: null, publishedPorts: [], placement: { region: null, zone: null, host: null } };
  return {
    ...none,
    id: id!,
    name: name!,
    imageId: image!,
    state: states[status as keyof typeof states],
    ownership: iaaskit.ownershipOf(labels as never),
    addresses: { private: [], public: [address!] },
    createdAt: new Date(created!),
    tags: iaaskit.callerTagsOf(labels as never),
  };
}

function toError(cause: unknown, at: ErrorOrigin): iaaskit.AnyIaasError {
  const { name, message } = cause instanceof Error ? cause : { name: "", message: String(cause) };
  const details = { ...at, vendorCode: name, cause };
  if (name === "401") return new iaaskit.AuthenticationError(message, details);
  if (name === "404") return new iaaskit.NotFoundError(message, details);
  if (name === "422") return new iaaskit.InvalidInputError("image", message, details);
  if (name === "429") return new iaaskit.ThrottledError(message, details);
  if (name === "507") return new iaaskit.InsufficientCapacityError(message, details);
  if (name === "503" || name === "TypeError") return new iaaskit.UnavailableError(message, details); // no answer
  return new iaaskit.ProviderFailureError(message, details);
}
