import {
  type AnyIaasError,
  callerTagsOf,
  type CallContext,
  type Capabilities,
  type Clock,
  type CapabilityFindings,
  ConflictError,
  defineCapabilities,
  type ErrorMapper,
  type ErrorOrigin,
  type FacetMakers,
  type FoundInstance,
  Iaas,
  IaasError,
  type InstanceFailure,
  type InstanceState,
  type LaunchInput,
  type ListInput,
  NotFoundError,
  InsufficientCapacityError,
  ownershipOf,
  type Page,
  type PayloadHosting,
  ProviderFailureError,
  ThrottledError,
  UnavailableError,
} from "iaaskit";

const limit = (value: number) => ({ value, source: "ours" });

/** Five hooks and nothing else. */
export const memoryCapabilities = defineCapabilities({
  payload: { channel: "user-data", maxBytes: limit(100), measuredOn: "raw", gzip: true, confidential: false },
  publicAddress: "none",
  placement: { region: true, zone: true, host: false },
  names: { pattern: "^[a-z][a-z0-9-]*$", maxLength: limit(40) },
  tags: { maxCount: limit(10), maxKeyLength: limit(20), maxValueLength: limit(130) },
  idempotency: "token",
  visibilityLagMs: 0,
  pollIntervalMs: 1_000,
  billingStepSeconds: null,
});

type Hook = "probe" | "launch" | "get" | "list" | "terminate" | "stop" | "start";
type Fault = (signal: AbortSignal) => void | Promise<void>;

/** A cloud in memory that does what a test tells it. */
export class MemoryCloud {
  readonly instances = new Map<string, FoundInstance>();
  readonly tokens = new Map<string, string>();
  /** Ids that lists do not show, as of a cloud whose lists lag. */
  readonly hidden = new Set<string>();
  /** Every hook that was called. */
  readonly calls: Hook[] = [];
  readonly launches: LaunchInput[] = [];
  pageSize = 1_000;
  /** What a launched instance is at first. */
  firstState: InstanceState = "running";
  readonly #faults = new Map<Hook, Fault[]>();
  readonly #afterwards = new Map<Hook, Fault[]>();

  /** Each fault is for one call of the hook, in their order, before it has an effect. */
  before(hook: Hook, ...faults: Fault[]): void {
    this.#faults.set(hook, [...(this.#faults.get(hook) ?? []), ...faults]);
  }

  /** The same, once it has had its effect: the answer is lost. */
  after(hook: Hook, ...faults: Fault[]): void {
    this.#afterwards.set(hook, [...(this.#afterwards.get(hook) ?? []), ...faults]);
  }

  count(hook: Hook): number {
    return this.calls.filter((call) => call === hook).length;
  }

  async perform<T>(hook: Hook, signal: AbortSignal, effect: () => T): Promise<T> {
    this.calls.push(hook);
    await this.#faults.get(hook)?.shift()?.(signal);
    const result = effect();
    await this.#afterwards.get(hook)?.shift()?.(signal);
    return result;
  }

  set(id: string, change: Partial<FoundInstance>): void {
    const instance = this.instances.get(id);
    if (instance !== undefined) this.instances.set(id, { ...instance, ...change });
  }

  fail(id: string, failure: InstanceFailure): void {
    this.set(id, { state: "failed", failure });
  }
}

export const at: ErrorOrigin = { provider: "memory", operation: "test" };
export const throttled = (retryAfterMs?: number) => (): never => {
  throw new ThrottledError("slow down", { ...at, retryAfterMs });
};
export const unavailable = (): never => {
  throw new UnavailableError("503", at);
};
export const full = (): never => {
  throw new InsufficientCapacityError("no room", at);
};
/** Holds the answer until the call is aborted. */
export const hang = async (signal: AbortSignal): Promise<void> => {
  await new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
};

export interface MemoryOptions {
  readonly owner?: string;
  readonly clock?: Clock;
  readonly cloud?: MemoryCloud;
  readonly capabilities?: Partial<Capabilities>;
  readonly secrets?: readonly string[];
  readonly facets?: FacetMakers<Capabilities>;
  readonly toError?: ErrorMapper;
  readonly payloadHost?: PayloadHosting;
}

let accounts = 0;

export class MemoryIaas extends Iaas {
  readonly cloud: MemoryCloud;

  constructor({
    owner = "me",
    clock,
    cloud = new MemoryCloud(),
    capabilities = {},
    secrets = [],
    facets = {},
    toError = toMemoryError,
    payloadHost,
  }: MemoryOptions = {}) {
    accounts += 1;
    super(
      {
        provider: "memory",
        capabilities: defineCapabilities({ ...memoryCapabilities, ...capabilities }),
        connection: `account ${accounts}`,
        region: "here",
        secrets,
        facets,
        toError,
      },
      { owner, clock, payloadHost },
    );
    this.cloud = cloud;
  }

  protected override async _probe({ signal }: CallContext): Promise<{ account: string; findings: CapabilityFindings }> {
    return await this.cloud.perform("probe", signal, () => ({ account: "memory", findings: {} }));
  }

  protected override async _launch(input: LaunchInput, context: CallContext): Promise<FoundInstance> {
    return await this.cloud.perform("launch", context.signal, () => {
      this.cloud.launches.push(input);
      const known = this.cloud.tokens.get(input.token);
      if (known !== undefined && this.capabilities.idempotency === "token") {
        const instance = this.cloud.instances.get(known);
        if (instance?.state !== "terminated" && instance !== undefined) return instance;
        throw new ConflictError("token-spent", "ended", context);
      }
      const id = `m-${this.cloud.launches.length}`;
      const instance: FoundInstance = {
        id,
        name: input.name,
        ownership: ownershipOf(input.tags),
        state: this.cloud.firstState,
        failure: null,
        imageId: input.image,
        size: input.size,
        placement: { region: "here", zone: input.zone, host: null },
        addresses: { private: ["127.0.0.1"], public: [] },
        publishedPorts: [],
        createdAt: new Date(Date.UTC(2030, 0, 1) + this.cloud.instances.size),
        tags: callerTagsOf(input.tags),
      };
      this.cloud.instances.set(id, instance);
      this.cloud.tokens.set(input.token, id);
      return instance;
    });
  }

  protected override async _get({ id }: { readonly id: string }, context: CallContext): Promise<FoundInstance> {
    return await this.cloud.perform("get", context.signal, () => this.#find(id, context));
  }

  protected override async _list({ marker }: ListInput, { signal }: CallContext): Promise<Page<FoundInstance>> {
    return await this.cloud.perform("list", signal, () => {
      const start = Number(marker ?? 0);
      const end = start + this.cloud.pageSize;
      const all = [...this.cloud.instances.values()].filter(({ id }) => !this.cloud.hidden.has(id));
      return { items: all.slice(start, end), marker: end < all.length ? String(end) : null };
    });
  }

  protected override async _terminate({ id }: { readonly id: string }, context: CallContext): Promise<void> {
    await this.cloud.perform("terminate", context.signal, () => {
      this.#find(id, context);
      this.cloud.set(id, { state: "terminated" });
    });
  }

  protected override async _start({ id }: { readonly id: string }, { signal }: CallContext): Promise<void> {
    await this.cloud.perform("start", signal, () => this.cloud.set(id, { state: "running" }));
  }

  #find(id: string, context: CallContext): FoundInstance {
    const instance = this.cloud.instances.get(id);
    if (instance === undefined) throw new NotFoundError(`no ${id}`, context);
    return instance;
  }
}

/** An `Error` whose name is `Full` is capacity; anything else has no better word. */
function toMemoryError(cause: unknown, origin: ErrorOrigin): AnyIaasError {
  if (IaasError.is(cause)) return cause;
  const { name = "", message = "" } = cause instanceof Error ? cause : {};
  const details = { ...origin, vendorCode: name, cause };
  return name === "Full" ? new InsufficientCapacityError(message, details) : new ProviderFailureError(message, details);
}
