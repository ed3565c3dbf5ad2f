import { execFile } from "node:child_process";
import { homedir } from "node:os";
import { join } from "node:path";

import { AuthenticationError } from "../../iaas/errors.ts";
import { fieldOf, readDockerConfig } from "./connection.ts";

/** What a registry is told of who asks. */
export interface RegistryLogin {
  readonly username: string;
  readonly password: string;
  readonly serveraddress: string;
}

const dockerHub = "https://index.docker.io/v1/";
const helperTimeoutMs = 10_000;

/** The registry that an image's reference names: Docker Hub unless its first part looks like a host. */
export function registryOf(reference: string): string {
  const [first = "", ...rest] = reference.split("/");
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  return isHost && first !== "docker.io" ? first : dockerHub;
}

/**
 * The login that `docker login` has kept for the registry of an image: in the configuration itself or with the helper
 * that it names. `null` where there is none.
 *
 * @see https://docs.docker.com/reference/cli/docker/login/#credential-stores
 */
export async function loginFor(
  reference: string,
  folder: string = process.env["DOCKER_CONFIG"] ?? join(homedir(), ".docker"),
): Promise<RegistryLogin | null> {
  const registry = registryOf(reference);
  const config = await readDockerConfig(folder);
  const helper = fieldOf(fieldOf(config, "credHelpers"), registry) ?? fieldOf(config, "credsStore");
  if (typeof helper === "string") return await fromHelper(helper, registry);
  const auth = fieldOf(fieldOf(fieldOf(config, "auths"), registry), "auth");
  if (typeof auth !== "string") return null;
  const [username = "", ...password] = Buffer.from(auth, "base64").toString("utf8").split(":");
  return { username, password: password.join(":"), serveraddress: registry };
}

/** Asks a credential helper of Docker, a program, for what it keeps. */
async function fromHelper(helper: string, registry: string): Promise<RegistryLogin | null> {
  const text = await new Promise<string | null>((resolve, reject) => {
    const child = execFile(`docker-credential-${helper}`, ["get"], { timeout: helperTimeoutMs }, (error, stdout) => {
      if (error === null) resolve(stdout);
      else if (/credentials not found/i.test(stdout)) resolve(null);
      else {
        // Without a cause: what the helper has printed may be secret.
        const message = `docker-credential-${helper} gives no login for ${registry}`;
        reject(new AuthenticationError(message, { provider: "docker", operation: "images.pull" }));
      }
    });
    child.stdin?.on("error", () => undefined); // it has ended before it read: its own error tells
    child.stdin?.end(registry);
  });
  const answer: unknown = text === null ? null : JSON.parse(text);
  const [username, password] = [fieldOf(answer, "Username"), fieldOf(answer, "Secret")];
  if (typeof username !== "string" || typeof password !== "string") return null;
  return { username, password, serveraddress: registry };
}
