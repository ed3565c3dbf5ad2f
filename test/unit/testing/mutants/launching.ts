import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

import {
  type CallContext,
  type FoundInstance,
  type Instance,
  type LaunchInput,
  type LaunchOptions,
  type ListInput,
  type Page,
} from "iaaskit";

import { FullMemoryIaas } from "../../../support/memory-full.ts";
import type { Mutant } from "./mutant.ts";

class NewTokens extends FullMemoryIaas {
  protected override async _launch(input: LaunchInput, context: CallContext): Promise<FoundInstance> {
    return await super._launch({ ...input, token: randomBytes(8).toString("hex") }, context);
  }
}

class PostsAgain extends FullMemoryIaas {
  protected override async _launch(input: LaunchInput, context: CallContext): Promise<FoundInstance> {
    await super._launch(input, context);
    return await super._launch({ ...input, token: "again" }, context); // the first answer took too long
  }
}

class ShortNames extends FullMemoryIaas {
  protected override async _launch(input: LaunchInput, context: CallContext): Promise<FoundInstance> {
    return await super._launch({ ...input, name: input.name.slice(0, 15) }, context);
  }
}

class OwnTagsOnly extends FullMemoryIaas {
  protected override async _launch(input: LaunchInput, context: CallContext): Promise<FoundInstance> {
    const tags = Object.fromEntries(Object.entries(input.tags).filter(([name]) => name.startsWith("iaaskit:")));
    return await super._launch({ ...input, tags }, context);
  }
}

class NoFingerprints extends FullMemoryIaas {
  protected override async _launch(input: LaunchInput, context: CallContext): Promise<FoundInstance> {
    const { "iaaskit:fingerprint": _fingerprint, ...tags } = input.tags;
    return await super._launch({ ...input, tags }, context);
  }
}

class AnyZone extends FullMemoryIaas {
  protected override async _launch(input: LaunchInput, context: CallContext): Promise<FoundInstance> {
    return await super._launch({ ...input, zone: "here-1" }, context);
  }
}

class GuessesBase64 extends FullMemoryIaas {
  protected override async _launch(input: LaunchInput, context: CallContext): Promise<FoundInstance> {
    const launched = await super._launch(input, context);
    const text = Buffer.from(input.plan?.body ?? []).toString();
    if (/^([A-Za-z0-9+/]{4})+={0,2}$/.test(text) || text.endsWith("=")) {
      this.full.payloads.set(launched.id, Buffer.from(text, "base64"));
    }
    return launched;
  }
}

class OneTemplate extends FullMemoryIaas {
  #template: Uint8Array | undefined;

  protected override async _launch(input: LaunchInput, context: CallContext): Promise<FoundInstance> {
    this.#template = input.plan?.body;
    const launched = await super._launch(input, context);
    await delay(5);
    if (this.#template !== undefined) this.full.payloads.set(launched.id, this.#template);
    return launched;
  }
}

class LeavesParts extends FullMemoryIaas {
  override async launch({ floatingIp, ...options }: LaunchOptions): Promise<Instance> {
    const instance = await super.launch({ ...options, until: "running" });
    if (floatingIp !== true || !this.can("floatingIps")) return instance;
    const { address } = await this.floatingIps.allocate({ key: `${options.key}-address` });
    await this.floatingIps.associate({ instanceId: instance.id, address });
    return await this.get(instance.id);
  }
}

class FirstPageOnly extends FullMemoryIaas {
  protected override async _list(input: ListInput, context: CallContext): Promise<Page<FoundInstance>> {
    return { ...(await super._list(input, context)), marker: null };
  }
}

/** Defects of providers in what they send and read. */
export const launching: readonly Mutant[] = [
  {
    defect: "uses a new token each try",
    caughtBy: ["launch.lost-answer"],
    create: (options) => new NewTokens(options),
  },
  {
    defect: "posts again after a time of its own",
    caughtBy: ["launch.found"],
    create: (options) => new PostsAgain(options),
  },
  {
    defect: "says that it honours tokens, and does not",
    caughtBy: ["launch.lost-answer"],
    create: (options) => {
      options.cloud.tokens.get = () => undefined;
      return new FullMemoryIaas(options);
    },
  },
  {
    defect: "cuts long names silently",
    caughtBy: ["launch.at-limits"],
    create: (options) => new ShortNames(options),
  },
  {
    defect: "drops the caller's tags",
    caughtBy: ["launch.tells", "launch.at-limits"],
    create: (options) => new OwnTagsOnly(options),
  },
  {
    defect: "does not keep what was asked for",
    caughtBy: ["launch.other-spec"],
    create: (options) => new NoFingerprints(options),
  },
  {
    defect: "launches in the zone that it likes best",
    caughtBy: ["partition.placed", "launch.next-zone"],
    create: (options) => new AnyZone(options),
  },
  {
    defect: "decodes what looks like base64",
    caughtBy: ["payload.bytes"],
    create: (options) => new GuessesBase64(options),
  },
  {
    defect: "puts the payload into a template that all launches share",
    caughtBy: ["payload.own"],
    create: (options) => new OneTemplate(options),
  },
  {
    defect: "leaves an instance behind when its address cannot be had",
    caughtBy: ["launch.undone"],
    create: (options) => new LeavesParts(options),
  },
  {
    defect: "lists the first page and takes it for all",
    caughtBy: ["lists.real"],
    prepare: (cloud) => {
      cloud.pageSize = 2;
    },
    create: (options) => new FirstPageOnly(options),
  },
  {
    defect: "takes an instance that the cloud does not show yet for gone",
    caughtBy: ["launch.runs"],
    prepare: (cloud) => {
      cloud.lagMs = 8;
    },
    create: (options) => new FullMemoryIaas({ ...options, capabilities: { visibilityLagMs: 0 } }),
  },
];
