import {
  type CallContext,
  type CallOptions,
  type CapabilityFindings,
  type FoundInstance,
  type Instance,
  ProviderFailureError,
  type WaitCondition,
  type WaitOptions,
} from "iaaskit";

import { FullMemoryIaas } from "../../../support/memory-full.ts";
import type { Mutant } from "./mutant.ts";

class EmptyConsole extends FullMemoryIaas {
  override async consoleOutput(): Promise<string> {
    return await Promise.resolve("");
  }
}

class OwnGet extends FullMemoryIaas {
  override async get(id: string, options: CallOptions = {}): Promise<Instance> {
    return await super.get(id.trim(), options);
  }
}

class NoDeadline extends FullMemoryIaas {
  override async get(id: string, { signal }: CallOptions = {}): Promise<Instance> {
    return await super.get(id, { signal });
  }
}

class DeafWait extends FullMemoryIaas {
  override async waitUntil(instance: Instance, condition: WaitCondition, options: WaitOptions = {}): Promise<Instance> {
    return await super.waitUntil(instance, condition, { ...options, signal: undefined });
  }
}

class PollsForEach extends FullMemoryIaas {
  override async waitUntil(instance: Instance, condition: WaitCondition, options: WaitOptions = {}): Promise<Instance> {
    const { state } = await this.get(instance.id, options).catch(() => instance);
    return state === condition ? instance : await super.waitUntil(instance, condition, options);
  }
}

class SwallowsPages extends FullMemoryIaas {
  override async *list(
    options: CallOptions & { readonly key?: string } = {},
  ): AsyncGenerator<Instance, void, undefined> {
    try {
      yield* super.list(options);
    } catch {
      return; // there was a page less
    }
  }
}

class Fickle extends FullMemoryIaas {
  #probes = 0;

  protected override async _probe(): Promise<{ account: string; findings: CapabilityFindings }> {
    this.#probes += 1;
    return await Promise.resolve({ account: "memory", findings: { payloadMaxBytes: 900 - this.#probes } });
  }
}

class LeavesTimer extends FullMemoryIaas {
  protected override async _probe(context: CallContext): Promise<{ account: string; findings: CapabilityFindings }> {
    leftTimers.push(setInterval(() => undefined, 60_000));
    return await super._probe(context);
  }
}
const leftTimers: NodeJS.Timeout[] = [];

class NeverDisposed extends FullMemoryIaas {
  protected override async _dispose(): Promise<void> {
    await new Promise<never>(() => undefined);
  }
}

class ShowsPassword extends FullMemoryIaas {
  readonly password = "the-password-of-the-account";
}

class ClaimsAll extends FullMemoryIaas {
  protected override async _get(input: { readonly id: string }, context: CallContext): Promise<FoundInstance> {
    const found = await super._get(input, context);
    const { ownership } = found;
    return { ...found, ownership: ownership === null ? null : { ...ownership, owner: this.owner } };
  }
}

/** Defects that callers would meet in any provider. */
export const surface: readonly Mutant[] = [
  {
    defect: 'answers "" where it has no console',
    caughtBy: ["calls.off"],
    create: (options) => new EmptyConsole({ ...options, capabilities: { consoleOutput: false } }),
  },
  { defect: "overrides a public method", caughtBy: ["surface.sealed"], create: (options) => new OwnGet(options) },
  { defect: "hangs past the deadline", caughtBy: ["deadline.get"], create: (options) => new NoDeadline(options) },
  {
    defect: "ignores the signal",
    caughtBy: ["wait.abort", "wait.abort-held"],
    create: (options) => new DeafWait(options),
  },
  { defect: "polls for each who waits", caughtBy: ["wait.many"], create: (options) => new PollsForEach(options) },
  {
    defect: "swallows a page that fails",
    caughtBy: ["lists.failing-page", "lists.repeated-marker"],
    create: (options) => new SwallowsPages(options),
  },
  { defect: "finds other limits each time", caughtBy: ["probe.again"], create: (options) => new Fickle(options) },
  {
    defect: "leaves what keeps the process alive",
    caughtBy: ["dispose.handles"],
    create: (options) => new LeavesTimer(options),
  },
  { defect: "shows its password", caughtBy: ["secrets.inspect"], create: (options) => new ShowsPassword(options) },
  {
    defect: "takes everybody's instances for its own",
    caughtBy: ["ownership.kept"],
    create: (options) => new ClaimsAll(options),
  },
  {
    defect: "keeps the raw error of its HTTP library",
    caughtBy: ["secrets.raw-error"],
    create: (options) =>
      new FullMemoryIaas({
        ...options,
        toError: (cause, at) => Object.assign(new ProviderFailureError("it broke", at), { response: cause }),
      }),
  },
  {
    defect: "forgets the cloud's own code",
    caughtBy: ["wait.failed"],
    create: (options) =>
      new FullMemoryIaas({
        ...options,
        toError: (cause, at) => new ProviderFailureError((cause as Error).message, at),
      }),
  },
  {
    defect: "breaks when its client throws no Error",
    caughtBy: ["errors.anything"],
    create: (options) =>
      new FullMemoryIaas({
        ...options,
        toError: (cause, at) => new ProviderFailureError((cause as Error).message.trim(), at),
      }),
  },
  {
    defect: "hides a facet that it has",
    caughtBy: ["facets.off"],
    create: ({ ...options }) => {
      const iaas = new FullMemoryIaas({ ...options, capabilities: { keyPairs: false } });
      return Object.defineProperty(iaas, "keyPairs", { value: {} });
    },
  },
  {
    defect: "says that addresses have to be moved to instances, and hides how",
    caughtBy: ["capabilities.consistent"],
    create: (options) => new FullMemoryIaas({ ...options, capabilities: { floatingIps: false } }),
  },
  {
    defect: "does not let go",
    caughtBy: ["dispose.unused"],
    create: (options) => new NeverDisposed(options),
  },
];
