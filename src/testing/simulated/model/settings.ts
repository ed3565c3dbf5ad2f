/** How long things take, in milliseconds of the simulation's clock. */
export interface Timing {
  /** Least and greatest time that an answer takes. */
  readonly latencyMs: readonly [number, number];
  /** Reads show a new resource after so long. */
  readonly visibleAfterMs: number;
  readonly bootMs: number;
  readonly stopMs: number;
  readonly terminateMs: number;
  readonly attachMs: number;
  readonly detachMs: number;
  readonly volumeMs: number;
  readonly snapshotMs: number;
  readonly imageMs: number;
  /** Ended instances are shown for so long. */
  readonly forgetMs: number;
}

export const defaultTiming: Timing = {
  latencyMs: [20, 120],
  visibleAfterMs: 800,
  bootMs: 20_000,
  stopMs: 10_000,
  terminateMs: 8_000,
  attachMs: 1_500,
  detachMs: 2_000,
  volumeMs: 1_000,
  snapshotMs: 15_000,
  imageMs: 30_000,
  forgetMs: 3_600_000,
};

/** How many of a kind there may be. */
export interface Quotas {
  readonly instances: number;
  readonly addresses: number;
  readonly keyPairs: number;
  readonly groups: number;
  readonly volumes: number;
  readonly snapshots: number;
  readonly images: number;
}

export const defaultQuotas: Quotas = {
  instances: 1_000,
  addresses: 5,
  keyPairs: 5_000,
  groups: 2_500,
  volumes: 5_000,
  snapshots: 10_000,
  images: 1_000,
};

/** What a cloud has before anybody comes. */
export interface Offer {
  readonly region: string;
  readonly zones: readonly string[];
  readonly images: readonly { readonly id: string; readonly name: string; readonly architecture: string }[];
  readonly sizes: readonly {
    readonly id: string;
    readonly cpus: number;
    readonly memoryMiB: number;
    readonly architecture: string;
  }[];
  /** Most bytes of user data. */
  readonly userDataBytes: number;
}
