import assert from "node:assert/strict";

import type { CallContext } from "../iaas/call.ts";
import { InsufficientCapacityError, NotFoundError, UnavailableError } from "../iaas/errors.ts";
import type { Iaas } from "../iaas/iaas.ts";
import type { LaunchOptions } from "../iaas/launch-options.ts";
import type { LaunchInput } from "../iaas/launcher.ts";
import type { FoundInstance, Page } from "../iaas/model.ts";
import { rejection } from "./expectations.ts";

/** What a hook does instead: `perform` is what it would have done. */
export type HookChange<Result, Input> = (
  perform: () => Promise<Result>,
  input: Input,
  context: CallContext,
) => Promise<Result>;

/** A hook that was changed, and how often it has been called since. */
export interface ChangedHook {
  readonly calls: number;
}

/**
 * Change a hook of one Iaas, or of one of its facets: any provider can be given any fault, without settings of its own.
 *
 * Only this object changes; its class, its twins and the cloud do not.
 */
export function changeHook<Result, Input = unknown>(
  target: object,
  name: `_${string}`,
  change: HookChange<Result, Input>,
): ChangedHook {
  const hook: unknown = Reflect.get(target, name);
  assert.ok(typeof hook === "function", `there is no hook ${name}`);
  const changed = { calls: 0 };
  const replaced = async (...given: readonly unknown[]): Promise<Result> => {
    changed.calls += 1;
    const perform = async (): Promise<Result> => (await Reflect.apply(hook, target, given)) as Result;
    return await change(perform, given[0] as Input, given.at(-1) as CallContext);
  };
  Object.defineProperty(target, name, { value: replaced, configurable: true });
  return changed;
}

/** Leaves a hook as it is, and counts its calls. */
export function countHook(target: object, name: `_${string}`): ChangedHook {
  return changeHook<unknown>(target, name, async (perform) => await perform());
}

/** The cloud refuses, before any effect, as often as there are errors; then it does as always. */
export function refuseHook(
  target: object,
  name: `_${string}`,
  ...errors: readonly ((context: CallContext) => unknown)[]
): ChangedHook {
  const left = [...errors];
  return changeHook<unknown>(target, name, async (perform, _input, context) => {
    const error = left.shift();
    if (error !== undefined) throw error(context);
    return await perform();
  });
}

/** The cloud refuses, each time. */
export function alwaysRefuse(
  target: object,
  name: `_${string}`,
  error: (context: CallContext) => unknown,
): ChangedHook {
  return changeHook<unknown>(target, name, async (_perform, _input, context) => {
    throw await Promise.resolve(error(context));
  });
}

/** The cloud does it, and its first answer is lost on the way. */
export function loseAnswer(target: object, name: `_${string}`): ChangedHook {
  let lost = false;
  return changeHook<unknown>(target, name, async (perform, _input, context) => {
    const answer = await perform();
    if (lost) return answer;
    lost = true;
    throw unavailable(context);
  });
}

/** The cloud never answers, and the hook heeds no signal. */
export function holdAnswer(target: object, name: `_${string}`): ChangedHook {
  return changeHook<unknown>(target, name, async () => await never());
}

/** The cloud does it and never answers: as for a process that was killed meanwhile. Resolves when it is done. */
export function performUnheard(target: object, name: `_${string}`): { readonly done: Promise<void> } {
  let tell = (): void => undefined;
  const done = new Promise<void>((resolve) => (tell = resolve));
  changeHook<unknown>(target, name, async (perform) => {
    await perform().finally(tell);
    return await never();
  });
  return { done };
}

/** The answer has each time the next of `pages`, whatever marker was asked for; the last one stays. */
export function answerPages<T>(
  target: object,
  name: `_${string}`,
  ...pages: readonly (Page<T> | (() => never))[]
): ChangedHook {
  const left = [...pages];
  return changeHook<Page<T>>(target, name, async () => {
    const page = left.length > 1 ? left.shift() : left[0];
    assert.ok(page !== undefined);
    return await Promise.resolve(typeof page === "function" ? page() : page);
  });
}

/** Lists, and `get` where `everywhere` is set, do not show an instance, as often as `times`. */
export function hide(iaas: Iaas, id: string, everywhere: boolean, times = Number.POSITIVE_INFINITY): void {
  let left = times;
  changeHook<Page<FoundInstance>>(iaas, "_list", async (perform) => {
    const { items, marker } = await perform();
    if (!items.some((item) => item.id === id) || left <= 0) return { items, marker };
    left -= 1;
    return { items: items.filter((item) => item.id !== id), marker };
  });
  if (!everywhere) return;
  changeHook<FoundInstance | null, { readonly id: string }>(iaas, "_get", async (perform, input, context) => {
    if (input.id !== id || left <= 0) return await perform();
    left -= 1;
    throw new NotFoundError("not there yet", context);
  });
}

/** What the hook is told to launch; nothing is made. */
export async function launchInputOf(iaas: Iaas, options: LaunchOptions): Promise<LaunchInput> {
  const inputs: LaunchInput[] = [];
  changeHook<FoundInstance, LaunchInput>(iaas, "_launch", async (_perform, input, context) => {
    inputs.push(input);
    throw await Promise.resolve(new InsufficientCapacityError("nothing is made here", context));
  });
  await rejection(iaas.launch({ ...options, ports: [] }), "IAAS_INSUFFICIENT_CAPACITY");
  const [input] = inputs;
  assert.ok(input !== undefined);
  return input;
}

/** An instance of this owner that is at no cloud. */
export function imagined(iaas: Iaas, id: string, more: Partial<FoundInstance> = {}): FoundInstance {
  return {
    id,
    name: id,
    ownership: { owner: iaas.owner, key: id, generation: 0, fingerprint: null },
    state: "running",
    failure: null,
    imageId: "imagined",
    size: null,
    placement: { region: null, zone: null, host: null },
    addresses: { private: [], public: [] },
    publishedPorts: [],
    createdAt: null,
    tags: {},
    ...more,
  };
}

/** What nobody knows the effect of. */
export function unavailable(context: CallContext): UnavailableError {
  return new UnavailableError("the connection broke", context);
}

async function never(): Promise<never> {
  return await new Promise<never>(() => undefined);
}
