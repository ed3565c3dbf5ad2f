import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

import type { Clock } from "../../iaas/clock.ts";
import { VirtualClock } from "../virtual-clock.ts";
import type { TokenBuckets } from "./buckets.ts";
import type { Answer, Dialect, ReceivedRequest } from "./dialect.ts";
import type { FaultScript, MetFaults } from "./faults.ts";
import type { CloudModel } from "./model/cloud-model.ts";
import { Refusal } from "./model/refusal.ts";
import type { Random } from "./random.ts";

/** A request that a simulated cloud has served. */
export interface ServedRequest {
  readonly action: string;
  /** When it came, by the simulation's clock. */
  readonly atMs: number;
  /** Of the answer; `null` when there was none. */
  readonly status: number | null;
}

export interface ServerParts {
  readonly dialect: Dialect;
  readonly model: CloudModel;
  readonly faults: FaultScript;
  readonly buckets: TokenBuckets;
  readonly clock: Clock;
  readonly random: Random;
}

/** Serves a cloud on 127.0.0.1, with the faults of its script. */
export class SimulationServer {
  readonly requests: ServedRequest[] = [];
  readonly #parts: ServerParts;
  readonly #server = createServer((incoming, outgoing) => void this.#serve(incoming, outgoing));

  constructor(parts: ServerParts) {
    this.#parts = parts;
    this.#server.keepAliveTimeout = 60_000;
  }

  /** @returns Where it listens. */
  async listen(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const closed = once(outgoing, "close");
    const request: ReceivedRequest = {
      method: incoming.method ?? "GET",
      url: new URL(incoming.url ?? "/", "http://127.0.0.1"),
      headers: incoming.headers,
      body: await buffer(incoming),
    };
    const { dialect, clock, faults } = this.#parts;
    const action = dialect.actionOf(request);
    const met = faults.meet(action ?? "");
    const atMs = clock.now();
    const takesMs = this.#latency() + (met.get("delay")?.delayMs ?? 0);
    if (takesMs > 0) await this.#park(clock.sleep(takesMs));
    const late = met.get("late-effect");
    const isLost = met.has("lose-request") || late !== undefined;
    const answer = isLost ? null : this.#answer(action, request, met);
    const isAnswered = answer !== null && !met.has("lose-answer") && !met.has("hold");
    this.requests.push({ action: action ?? "unknown", atMs, status: isAnswered ? answer.status : null });
    if (isAnswered) {
      outgoing.writeHead(answer.status, { ...answer.headers, "content-length": Buffer.byteLength(answer.body) });
      outgoing.end(answer.body);
    } else if (met.has("hold")) await this.#park(closed);
    else outgoing.destroy();
    if (late === undefined) return;
    await clock.sleep(late.delayMs);
    this.#answer(action, request, met);
  }

  #answer(action: string | null, request: ReceivedRequest, met: MetFaults): Answer {
    const { dialect, model, buckets } = this.#parts;
    if (action === null) return dialect.failed("unknown-action");
    const throttle = met.get("throttle");
    if (throttle !== undefined) return dialect.failed("throttled", throttle.retryAfterMs);
    if (met.has("unavailable")) return dialect.failed("unavailable");
    if (met.has("expire-credentials")) return dialect.failed("expired-credentials");
    const refuse = met.get("refuse");
    if (refuse !== undefined) {
      return dialect.coded(refuse.code, refuse.message ?? `The simulation says ${refuse.code}`);
    }
    if (!buckets.take(action)) return dialect.failed("throttled");
    model.hiddenFor = () => met.get("hide-new")?.forMs ?? model.settings.timing.visibleAfterMs;
    try {
      return dialect.perform(action, request, model, met);
    } catch (error) {
      if (error instanceof Refusal) return dialect.refused(error, action);
      throw error;
    }
  }

  #latency(): number {
    const [least, greatest] = this.#parts.model.settings.timing.latencyMs;
    return Math.round(least + this.#parts.random() * (greatest - least));
  }

  /** Waits for the clock, or the client; a virtual clock does not stand still for a request that does. */
  async #park(wait: Promise<unknown>): Promise<void> {
    const { clock } = this.#parts;
    await (clock instanceof VirtualClock ? clock.park(wait) : wait);
  }
}
