import type Dockerode from "dockerode";

import type { CallContext } from "../../iaas/call.ts";
import { InvalidInputError, UnavailableError } from "../../iaas/errors.ts";
import { fieldOf } from "./connection.ts";
import { loginFor } from "./registries.ts";

/** How far an image has come. */
export interface PullProgress {
  readonly image: string;
  /** Of the parts that have begun; 0 while nothing is known. */
  readonly receivedBytes: number;
  /** Of the parts whose size is known: it grows while parts begin. */
  readonly totalBytes: number;
}

/** Fetches an image from its registry, with the login that `docker login` has kept. */
export async function pull(
  docker: Dockerode,
  image: string,
  onPull: ((progress: PullProgress) => void) | undefined,
  context: CallContext,
): Promise<void> {
  const { signal } = context;
  const { repository, tag } = parted(image, context);
  const login = await loginFor(image);
  const stream = await docker.createImage(login === null ? {} : login, {
    fromImage: repository,
    tag,
    abortSignal: signal,
  });
  const parts = new Map<string, { readonly received: number; readonly total: number }>();
  let rest = "";
  let line = "";
  const readLine = (): void => {
    if (line.trim() === "") return;
    const event = JSON.parse(line) as unknown;
    const error = fieldOf(event, "error");
    // A failure after the engine has said yes; its words decide what it is.
    if (typeof error === "string") throw Object.assign(new Error(error), { name: "PullFailed" });
    const [id, detail] = [fieldOf(event, "id"), fieldOf(event, "progressDetail")];
    const [current, total] = [fieldOf(detail, "current"), fieldOf(detail, "total")];
    if (typeof id !== "string" || typeof current !== "number") return;
    parts.set(id, { received: current, total: typeof total === "number" ? total : 0 });
    const all = [...parts.values()];
    onPull?.({
      image,
      receivedBytes: all.reduce((sum, part) => sum + part.received, 0),
      totalBytes: all.reduce((sum, part) => sum + part.total, 0),
    });
  };
  try {
    for await (const chunk of stream) {
      const lines = (rest + String(chunk)).split("\n");
      rest = lines.pop() ?? "";
      for (line of lines) readLine();
    }
    line = rest;
    readLine();
  } catch (error) {
    if (error instanceof SyntaxError) throw new UnavailableError("the engine's answer was cut off", context);
    throw error;
  }
}

/** Splits a reference: without a tag or digest an engine would fetch every tag there is. */
function parted(image: string, context: CallContext): { readonly repository: string; readonly tag: string } {
  if (!/^[A-Za-z0-9][A-Za-z0-9._/:@-]*$/.test(image)) {
    throw new InvalidInputError("image", `is ${JSON.stringify(image)}, which is no reference of an image`, context);
  }
  const digest = image.indexOf("@");
  if (digest !== -1) return { repository: image.slice(0, digest), tag: image.slice(digest + 1) };
  const colon = image.lastIndexOf(":");
  const hasTag = colon > image.lastIndexOf("/");
  return hasTag
    ? { repository: image.slice(0, colon), tag: image.slice(colon + 1) }
    : { repository: image, tag: "latest" };
}
