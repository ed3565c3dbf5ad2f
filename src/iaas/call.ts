import { setMaxListeners } from "node:events";

import { type Capabilities, type CapabilityPath, requireOn } from "./capabilities.ts";
import type { Clock } from "./clock.ts";
import {
  type AnyIaasError,
  type ConflictReason,
  type ErrorOrigin,
  IaasError,
  OutcomeUnknownError,
  TimeoutError,
  UnavailableError,
} from "./errors.ts";
import { KeyedLock } from "./keyed-lock.ts";
import type { CallOptions, InstanceFailure, Ownership, Page, ResourceRef } from "./model.ts";
import type { Pacing } from "./pacing.ts";
import type { Redactor } from "./redaction.ts";
import type { Secret } from "./secret.ts";
import { traced, type CallTrace } from "./tracing.ts";
import { checkCallOptions } from "./validation.ts";

/** What a hook gets besides its input. */
export interface CallContext {
  readonly provider: string;
  /** The public operation that the hook serves, as `launch`. */
  readonly operation: string;
  /** Aborts at the caller's wish, at the deadline and at the Iaas' end. */
  readonly signal: AbortSignal;
}

/**
 * What a request does at the cloud, and so whether it may be sent twice.
 *
 * - `read`: nothing.
 * - `idempotent`: the same however often it arrives.
 * - `create`: once more each time it arrives; never repeated while its outcome is unknown.
 */
export type Effect = "read" | "idempotent" | "create";

/**
 * Turns what a vendor's client threw into an error of this library.
 *
 * The failure of an instance after it was accepted comes here too, as an `Error` whose `name` is its vendor code.
 */
export type ErrorMapper = (cause: unknown, at: ErrorOrigin) => AnyIaasError;

export interface CallerOptions {
  readonly provider: string;
  readonly owner: string;
  /** As they are now: a probe may settle some. */
  readonly capabilities: () => Capabilities;
  readonly clock: Clock;
  readonly pacing: Pacing;
  readonly redactor: Redactor;
  readonly toError: ErrorMapper;
}

const attemptsAtMost = 4;
const defaultTimeoutMs = 60_000;

/** What a public operation brings along. */
export interface OperationOptions extends CallOptions {
  /** The capability without which it rejects before any request. */
  readonly needs?: CapabilityPath;
  /** Values of this call that no error may show. */
  readonly secrets?: Iterable<string | Secret>;
}

/**
 * Runs the public operations of one Iaas: capability, deadline, abort, tracing, retries, pacing, errors.
 *
 * A facet's constructor passes it on to the base class.
 */
export class Caller {
  readonly provider: string;
  readonly owner: string;
  readonly #options: CallerOptions;
  readonly #end = new AbortController();
  readonly #creations = new KeyedLock();

  /** @internal */
  constructor(options: CallerOptions) {
    this.#options = options;
    this.provider = options.provider;
    this.owner = options.owner;
  }

  get capabilities(): Capabilities {
    return this.#options.capabilities();
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  /** @internal Aborts everything under way; every later call rejects. */
  end(): void {
    const { provider } = this;
    this.#end.abort(
      new UnavailableError(`this ${provider} Iaas has been disposed`, { provider, operation: "dispose" }),
    );
  }

  /** @internal Run one public operation. */
  async run<T>(operation: string, options: OperationOptions, body: (call: Call) => Promise<T>): Promise<T> {
    const { provider, owner } = this;
    checkCallOptions(options, { provider, operation });
    const trace: CallTrace = { provider, owner, operation, requests: 0, throttled: 0 };
    const redactor = this.#options.redactor.with(options.secrets ?? []);
    const call = new Call({ ...this.#options, redactor, creations: this.#creations }, trace, options, this.#end.signal);
    try {
      return await traced(trace, async () => await call.guard(options.needs, body));
    } finally {
      call.close();
    }
  }

  /** @internal Marks what this owner makes for a key. */
  ownershipOf(key: string): Ownership {
    return { owner: this.owner, key, generation: 0, fingerprint: null };
  }

  /** @internal What of a list belongs to this owner; a cloud that cannot filter may give more. */
  listOwned<T extends Ownable>(
    operation: string,
    options: OperationOptions,
    page: (marker: string | null, context: CallContext) => Promise<Page<T>>,
  ): AsyncGenerator<T, void, undefined> {
    return this.list(operation, options, async (marker, context) => {
      const { items, marker: next } = await page(marker, context);
      return { items: items.filter(({ ownership }) => ownership?.owner === this.owner), marker: next };
    });
  }

  /** @internal A lazy list: a page is asked for when its first item is; each page is a call of its own. */
  async *list<T extends { readonly id: string }>(
    operation: string,
    options: OperationOptions,
    page: (marker: string | null, context: CallContext) => Promise<Page<T>>,
  ): AsyncGenerator<T, void, undefined> {
    const { provider } = this;
    const markers = new Set<string | null>();
    const seen = new Set<string>();
    let marker: string | null = null;
    do {
      markers.add(marker);
      const current: Page<T> = await this.run(
        operation,
        options,
        async (call) => await call.request(operation, "read", async (context) => await page(marker, context)),
      );
      for (const item of current.items) {
        if (!seen.has(item.id)) yield item;
        seen.add(item.id);
      }
      marker = current.marker;
      if (marker !== null && markers.has(marker)) {
        throw new UnavailableError("the cloud gave the same page marker twice", { provider, operation });
      }
    } while (marker !== null);
  }
}

/** Something at a cloud that may carry its maker's name. */
interface Ownable {
  readonly id: string;
  readonly ownership: Ownership | null;
}

interface CallParts extends CallerOptions {
  /** Keeps creations of one key apart. */
  readonly creations: KeyedLock;
}

/** One public operation under way. */
export class Call {
  readonly operation: string;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly #options: CallParts;
  readonly #trace: CallTrace;
  readonly #callerSignal: AbortSignal | undefined;
  readonly #controller = new AbortController();
  readonly #release: (() => void)[] = [];
  readonly #deadline: number;
  /** What this call has made so far: an error that ends it tells the caller. */
  readonly made: ResourceRef[] = [];
  /** A request that changes something went out and has not been answered. */
  #unanswered = false;
  #lastError: AnyIaasError | undefined;

  constructor(options: CallParts, trace: CallTrace, call: CallOptions, end: AbortSignal) {
    this.#options = options;
    this.#trace = trace;
    this.operation = trace.operation;
    this.clock = options.clock;
    this.timeoutMs = call.timeoutMs ?? defaultTimeoutMs;
    this.#deadline = this.clock.now() + this.timeoutMs;
    this.signal = this.#controller.signal;
    this.#callerSignal = call.signal;
    for (const source of [call.signal, end, this.clock.timeout(this.timeoutMs)]) {
      if (source !== undefined) this.#follow(source);
    }
  }

  /** For errors made by the base and by hooks. */
  get at(): ErrorOrigin {
    return { provider: this.#options.provider, operation: this.operation };
  }

  /** The capabilities of the Iaas, as they are now. */
  get capabilities(): Capabilities {
    return this.#options.capabilities();
  }

  /** @throws UnsupportedCapabilityError when the capability is off. */
  need(path: CapabilityPath): void {
    requireOn(this.capabilities, path, this.at);
  }

  /** Runs `body` and turns whatever it throws into what the caller may see. */
  async guard<T>(needs: CapabilityPath | undefined, body: (call: this) => Promise<T>): Promise<T> {
    try {
      if (needs !== undefined) this.need(needs);
      this.signal.throwIfAborted();
      return await body(this);
    } catch (error) {
      throw this.#presentable(error);
    }
  }

  close(): void {
    for (const release of this.#release) release();
  }

  /**
   * One request to the cloud: paced, repeated where that is safe, its error mapped.
   *
   * @param action What the cloud's rate limit counts, as `launch`.
   */
  async request<T>(action: string, effect: Effect, hook: (context: CallContext) => Promise<T>): Promise<T> {
    const { pacing } = this.#options;
    const ticket = pacing.ticket();
    for (let attempt = 1; ; attempt += 1) {
      await pacing.acquire(action, ticket, this.signal);
      try {
        const result = await this.#send(effect, hook);
        pacing.accepted(action);
        return result;
      } catch (cause) {
        this.signal.throwIfAborted();
        const error = this.#mapped(cause);
        this.#lastError = error;
        if (error.code === "IAAS_THROTTLED") {
          this.#trace.throttled += 1;
          pacing.refused(action, error.retryAfterMs);
          if ((error.retryAfterMs ?? 0) > this.remainingMs) throw error;
          continue;
        }
        if (effect === "create" && error.outcome === "unknown") {
          const message = `${error.message}; it may have happened all the same`;
          throw new OutcomeUnknownError(message, { ...this.at, created: this.made, cause: error });
        }
        if (error.retry !== "same" || attempt >= attemptsAtMost || !pacing.mayRetry()) throw error;
        await this.sleep(Math.max(error.retryAfterMs ?? 0, Math.random() * 200 * 2 ** attempt));
      }
    }
  }

  /** A read; `null` for what does not exist. */
  async found<T>(action: string, hook: (context: CallContext) => Promise<T>): Promise<T | null> {
    try {
      return await this.request(action, "read", hook);
    } catch (error) {
      if (IaasError.is(error) && error.code === "IAAS_NOT_FOUND") return null;
      throw error;
    }
  }

  /** A removal; success when it is gone already. */
  async gone(action: string, hook: (context: CallContext) => Promise<void>): Promise<void> {
    try {
      await this.request(action, "idempotent", hook);
    } catch (error) {
      if (!IaasError.is(error) || error.code !== "IAAS_NOT_FOUND") throw error;
    }
  }

  /** Repeats an idempotent step for as long as the cloud answers that it is too early, for one of `reasons`. */
  async whenReady<T>(step: () => Promise<T>, reasons: readonly ConflictReason[] = ["wrong-state"]): Promise<T> {
    for (;;) {
      try {
        return await step();
      } catch (error) {
        if (!IaasError.is(error) || error.code !== "IAAS_CONFLICT" || !reasons.includes(error.reason)) throw error;
        await this.sleep(this.capabilities.pollIntervalMs);
      }
    }
  }

  /** The error of this library for what the cloud tells of a failure after it had accepted. */
  failed({ vendorCode, message }: InstanceFailure): AnyIaasError {
    const cause = Object.assign(new Error(message), { name: vendorCode });
    return this.#options.redactor.cleanError(this.#options.toError(cause, this.at));
  }

  /** Runs `create` when those of the same name that began before have ended. */
  async once<T>(name: string, create: () => Promise<T>): Promise<T> {
    return await this.#options.creations.run(name, create, this.signal);
  }

  /** Waits for as long as the cloud may hide something that has just been made. */
  async settle(): Promise<void> {
    await this.sleep(Math.max(1_000, this.capabilities.visibilityLagMs));
  }

  /** Waits, and rejects at once when the call ends. */
  async sleep(ms: number): Promise<void> {
    await this.clock.sleep(ms, this.signal);
  }

  get remainingMs(): number {
    return this.#deadline - this.clock.now();
  }

  /** Settles with `promise`, or as soon as this call ends. */
  async race<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this;
    const settled = new AbortController();
    const ended = new Promise<never>((_, reject) => {
      const end = (): void => reject(signal.reason as Error);
      if (signal.aborted) end();
      else signal.addEventListener("abort", end, { once: true, signal: settled.signal });
    });
    try {
      return await Promise.race([promise, ended]);
    } finally {
      settled.abort();
    }
  }

  async #send<T>(effect: Effect, hook: (context: CallContext) => Promise<T>): Promise<T> {
    this.#trace.requests += 1;
    this.#unanswered = effect !== "read";
    const answer = hook({ ...this.at, signal: this.signal });
    this.clock.during?.(answer);
    const result = await this.race(answer); // a hook that does not heed the signal must not hold the caller
    this.#unanswered = false;
    return result;
  }

  #mapped(cause: unknown): AnyIaasError {
    this.#unanswered = false;
    return this.#options.redactor.cleanError(IaasError.is(cause) ? cause : this.#options.toError(cause, this.at));
  }

  #presentable(error: unknown): unknown {
    if (this.#callerSignal?.aborted === true) return this.#callerSignal.reason;
    if (this.signal.aborted) {
      if (IaasError.is(this.signal.reason)) return this.signal.reason;
      return this.#options.redactor.cleanError(this.#expired());
    }
    return IaasError.is(error) ? this.#options.redactor.cleanError(error) : error;
  }

  #expired(): IaasError {
    if (this.#lastError?.code === "IAAS_THROTTLED") return this.#lastError;
    const message = `${this.operation} did not end within ${this.timeoutMs} ms`;
    const details = { ...this.at, created: this.made, cause: this.#lastError };
    if (this.#unanswered) return new OutcomeUnknownError(`${message}; a request was still unanswered`, details);
    return new TimeoutError(message, details);
  }

  #follow(source: AbortSignal): void {
    const abort = (): void => {
      this.#controller.abort(source.reason);
    };
    if (source.aborted) abort();
    setMaxListeners(0, source); // one signal may well end a thousand calls
    source.addEventListener("abort", abort, { once: true });
    this.#release.push(() => {
      source.removeEventListener("abort", abort);
    });
  }
}
