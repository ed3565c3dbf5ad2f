import { Payload, Secret } from "iaaskit";
import { DockerIaas, type DockerOptions, type PullProgress } from "iaaskit/docker";
import { describe, expect, it } from "vitest";

import { toDockerError } from "../../../src/providers/docker/errors.ts";
import { type EngineAnswer, type EngineRequest, fakeEngine } from "../../support/fake-engine.ts";

const image = {
  Id: "sha256:1",
  RepoTags: ["web:1"],
  Created: "2026-01-01T00:00:00Z",
  Config: {},
  Architecture: "amd64",
};
const options = { key: "one", image: "web:1" } as const;

function iaasAt(endpoint: string, more: Partial<DockerOptions> = {}): DockerIaas {
  return new DockerIaas({ owner: "me", endpoint, allowWithoutTls: true, ...more });
}

/** An engine that keeps the containers that are created, and has one image. */
function engineWith(special: (request: EngineRequest) => EngineAnswer | null = () => null): {
  readonly containers: Map<string, Record<string, unknown>>;
  readonly answer: (request: EngineRequest) => EngineAnswer | null;
} {
  const containers = new Map<string, Record<string, unknown>>();
  const answer = (request: EngineRequest): EngineAnswer | null => {
    const { line, query, body } = request;
    const own = special(request);
    if (own !== null) return own;
    if (line === "GET /images/web:1/json") return [200, image];
    if (line === "POST /containers/create") {
      const wanted = JSON.parse(body.toString()) as { readonly Labels: object };
      add(containers, query.get("name") ?? "", "created", wanted.Labels);
      return [201, { Id: `id-${containers.size}` }];
    }
    if (/^POST .*\/start$/.test(line)) {
      for (const container of containers.values()) container["State"] = "running";
      return [204, ""];
    }
    if (line.startsWith("DELETE /containers/")) {
      containers.clear();
      return [204, ""];
    }
    if (/^PUT .*\/archive$/.test(line)) return [200, ""];
    if (/^GET .*\/id-\d+\/json$/.test(line)) return [200, { Config: { Labels: {} }, Mounts: [] }];
    return line === "GET /containers/json" ? [200, [...containers.values()]] : null;
  };
  return { containers, answer };
}

function add(containers: Map<string, Record<string, unknown>>, name: string, state: string, labels: object): void {
  const own = { Id: `id-${containers.size + 1}`, Names: [`/${name}`], Labels: labels, State: state };
  containers.set(name, { ...own, Ports: [], Created: 1, NetworkSettings: { Networks: {} }, Image: "web:1" });
}

describe("an engine", () => {
  it("that is not there is named, with its place and DOCKER_HOST", async () => {
    await using iaas = iaasAt("tcp://127.0.0.1:1");
    await expect(iaas.probe()).rejects.toMatchObject({
      code: "IAAS_UNAVAILABLE",
      outcome: "not-applied",
      vendorCode: "ECONNREFUSED",
      message: expect.stringMatching(/no Docker engine answers at tcp:\/\/127\.0\.0\.1:1.*DOCKER_HOST/),
    });
  });

  it("that comes later is found later", async () => {
    let isThere = false;
    await using engine = await fakeEngine(({ line }) => {
      if (line === "GET /version" && !isThere) return [200, "a portal's page"];
      return line === "GET /info" ? [200, { Name: "host" }] : null;
    });
    await using iaas = iaasAt(engine.endpoint);
    await expect(iaas.probe({ timeoutMs: 300 })).rejects.toMatchObject({ message: expect.stringContaining("probe") });
    isThere = true;
    expect(await iaas.probe()).toMatchObject({ account: "host" });
  });

  it.each([
    ["1.41", "1.12", "v1.41"],
    ["1.52", "1.44", "v1.44"],
  ])("that speaks %s down to %s is spoken to in %s", async (newest, oldest, spoken) => {
    await using engine = await fakeEngine(({ line }) => {
      if (line === "GET /version") return [200, { ApiVersion: newest, MinAPIVersion: oldest }];
      return [200, { Name: "host", MemTotal: 1 }];
    });
    await using iaas = iaasAt(engine.endpoint);
    await iaas.probe();
    expect(engine.requests.map(({ version }) => version)).toEqual(["", spoken]);
  });

  it("that is too old is refused", async () => {
    await using engine = await fakeEngine(() => [200, { ApiVersion: "1.38" }]);
    await using iaas = iaasAt(engine.endpoint);
    await expect(iaas.probe()).rejects.toMatchObject({ code: "IAAS_UNSUPPORTED_CAPABILITY" });
  });
});

describe("a launch", () => {
  it.each([
    ["Docker", 409, 'Conflict. The container name "/x" is already in use by container "1".'],
    ["Podman", 500, 'creating container storage: the container name "x" is already in use by 1.'],
  ])("adopts what has its name, as %s says it", async (_, status, message) => {
    const kept = engineWith();
    let isHidden = false;
    await using engine = await fakeEngine((request) => {
      if (request.line === "POST /containers/create" && kept.containers.size > 0) {
        isHidden = false;
        return [status, { message }];
      }
      // Another process is faster: its container comes between the look and the creation.
      if (request.line === "GET /containers/json" && isHidden) return [200, []];
      return kept.answer(request);
    });
    await using iaas = iaasAt(engine.endpoint);
    const first = await iaas.launch(options);
    isHidden = true;
    expect((await iaas.launch(options)).id).toBe(first.id);
    isHidden = true;
    await expect(iaas.launch({ ...options, tags: { a: "b" } })).rejects.toMatchObject({ reason: "spec-mismatch" });
  });

  it("is refused the name that somebody else's container has", async () => {
    const kept = engineWith(({ line }) =>
      line === "POST /containers/create" ? [409, { message: 'The name "/x" is already in use by 1' }] : null,
    );
    add(kept.containers, "somebody", "running", {});
    await using engine = await fakeEngine(kept.answer);
    await using iaas = iaasAt(engine.endpoint);
    await expect(iaas.launch(options)).rejects.toMatchObject({ code: "IAAS_CONFLICT", reason: "name-taken" });
  });

  it("does not take a container for its own whose labels came with its image", async () => {
    const kept = engineWith();
    await using engine = await fakeEngine(kept.answer);
    await using iaas = iaasAt(engine.endpoint);
    await iaas.launch(options);
    const [mine] = kept.containers.values();
    add(kept.containers, "copy", "running", mine?.["Labels"] as object);
    const listed: string[] = [];
    for await (const { id } of iaas.list()) listed.push(id);
    expect(listed).toEqual(["id-1"]);
  });

  it("that cannot start removes what it has made", async () => {
    const kept = engineWith(({ line }) =>
      line.endsWith("/start") ? [500, { message: "Bind for 127.0.0.1:80 failed: port is already allocated" }] : null,
    );
    await using engine = await fakeEngine(kept.answer);
    await using iaas = iaasAt(engine.endpoint);
    await expect(iaas.launch(options)).rejects.toMatchObject({ code: "IAAS_CONFLICT", reason: "in-use" });
    expect(kept.containers.size).toBe(0);
  });

  it("goes on with what a killed process has only created", async () => {
    const kept = engineWith();
    await using engine = await fakeEngine((request) =>
      request.line === "POST /containers/create" && kept.containers.size > 0
        ? [409, { message: 'The container name "/x" is already in use by container "1"' }]
        : kept.answer(request),
    );
    await using iaas = iaasAt(engine.endpoint);
    const { id } = await iaas.launch(options);
    for (const container of kept.containers.values()) container["State"] = "created";
    expect(await iaas.launch({ ...options, until: "running" })).toMatchObject({ id, state: "running" });
    expect(engine.requests.filter(({ line }) => line.endsWith("/start"))).toHaveLength(2);
  });

  it("does not wait for what has ended by itself, and removes it", async () => {
    const kept = engineWith(({ line }) =>
      line === "GET /containers/id-1/json"
        ? [200, { Config: { Labels: {} }, Mounts: [], State: { ExitCode: 0, OOMKilled: false } }]
        : null,
    );
    await using engine = await fakeEngine((request) => {
      const answer = kept.answer(request);
      if (request.line.endsWith("/start")) for (const one of kept.containers.values()) one["State"] = "exited";
      return answer;
    });
    await using iaas = iaasAt(engine.endpoint);
    const launch = iaas.launch({ ...options, until: "running", timeoutMs: 5_000 });
    await expect(launch).rejects.toMatchObject({ code: "IAAS_CONFLICT", reason: "wrong-state" });
    expect(kept.containers.size).toBe(0);
  });

  it("sends a secret in an archive only", async () => {
    const kept = engineWith();
    await using engine = await fakeEngine(kept.answer);
    await using iaas = iaasAt(engine.endpoint);
    const payload = Payload.environment({ PLAIN: "seen", TOKEN: new Secret("canary") });
    await iaas.launch({ ...options, payload });
    const holding = engine.requests.filter(({ body }) => body.includes("canary")).map(({ line }) => line);
    expect(holding).toEqual(["PUT /containers/id-1/archive"]);
    const created = engine.requests.find(({ line }) => line === "POST /containers/create");
    expect(JSON.parse(String(created?.body))).toMatchObject({
      Env: ["PLAIN=seen", "TOKEN_FILE=/run/iaaskit/secrets/TOKEN"],
      HostConfig: { Mounts: [{ Type: "volume", Target: "/run/iaaskit" }] },
    });
  });

  it.each([["tiny"], ["1cpu"], ["1cpu-1gib"]])("is refused the size %s", async (size) => {
    await using engine = await fakeEngine(engineWith().answer);
    await using iaas = iaasAt(engine.endpoint);
    await expect(iaas.launch({ ...options, size })).rejects.toMatchObject({
      code: "IAAS_INVALID_INPUT",
      field: "size",
    });
  });

  it("is refused a path of the host as a volume, before any request", async () => {
    await using iaas = iaasAt("unix:///nowhere.sock");
    const docker = { volumes: [{ name: "/etc", path: "/etc" }] };
    const launch = iaas.launch({ ...options, providerOptions: { docker } });
    await expect(launch).rejects.toMatchObject({ field: "providerOptions.docker.volumes.0.name" });
  });
});

describe("an image that the engine lacks", () => {
  const progress = [
    { status: "Downloading", id: "a", progressDetail: { current: 1, total: 10 } },
    { status: "Downloading", id: "b", progressDetail: { current: 5, total: 5 } },
    { status: "Downloading", id: "a", progressDetail: { current: 10, total: 10 } },
  ];
  /** @param events What the engine says while it fetches. */
  const lacking = (events: readonly object[]) => {
    let isThere = false;
    return engineWith(({ line }) => {
      if (line === "POST /images/create") {
        isThere = events.every((event) => !("error" in event));
        return [200, events.map((event) => `${JSON.stringify(event)}\r\n`).join("")];
      }
      return line.startsWith("GET /images/") && !isThere ? [404, { message: "No such image" }] : null;
    });
  };

  it("is fetched, with its progress told", async () => {
    await using engine = await fakeEngine(lacking(progress).answer);
    const told: PullProgress[] = [];
    await using iaas = iaasAt(engine.endpoint, { onPull: (now) => told.push(now) });
    await iaas.launch(options);
    expect(told.map(({ receivedBytes, totalBytes }) => [receivedBytes, totalBytes])).toEqual([
      [1, 10],
      [6, 15],
      [15, 15],
    ]);
    const pulled = engine.requests.find(({ line }) => line === "POST /images/create");
    expect([pulled?.query.get("fromImage"), pulled?.query.get("tag")]).toEqual(["web", "1"]);
  });

  it.each([
    ["manifest for web:1 not found: manifest unknown", { code: "IAAS_INVALID_INPUT", field: "image" }],
    ["unauthorized: authentication required", { code: "IAAS_AUTHENTICATION" }],
  ])("and whose registry says %j is an error", async (error, expected) => {
    await using engine = await fakeEngine(lacking([{ error }]).answer);
    await using iaas = iaasAt(engine.endpoint);
    await expect(iaas.launch({ ...options, timeoutMs: 3_000 })).rejects.toMatchObject(expected);
  });

  it("is not fetched where that is forbidden, nor when it is only asked for", async () => {
    await using engine = await fakeEngine(lacking(progress).answer);
    await using iaas = iaasAt(engine.endpoint, { pull: "never" });
    await expect(iaas.launch(options)).rejects.toMatchObject({ code: "IAAS_INVALID_INPUT", field: "image" });
    await expect(iaasAt(engine.endpoint).images.get({ id: "web:1" })).rejects.toMatchObject({ code: "IAAS_NOT_FOUND" });
    expect(engine.requests.filter(({ line }) => line === "POST /images/create")).toEqual([]);
  });
});

describe("what an engine says", () => {
  const said = (statusCode: number, message: string): Error =>
    Object.assign(new Error("(HTTP code)"), { statusCode, json: { message } });
  const at = { provider: "docker", operation: "launch" };

  it.each([
    [404, "No such image: x:1", { code: "IAAS_INVALID_INPUT", field: "image" }],
    [400, 'exec: "x": executable file not found in $PATH', { code: "IAAS_INVALID_INPUT", field: "image" }],
    [500, "no space left on device", { code: "IAAS_INSUFFICIENT_CAPACITY" }],
    [500, "fork/exec: cannot allocate memory", { code: "IAAS_INSUFFICIENT_CAPACITY" }],
    [400, "Range of CPUs is from 0.01 to 2.00", { code: "IAAS_INVALID_INPUT", field: "size" }],
    [404, "network x not found", { code: "IAAS_INVALID_INPUT", field: "networks" }],
    [404, "No such container: x", { code: "IAAS_NOT_FOUND" }],
    [403, "denied by a plugin", { code: "IAAS_PERMISSION_DENIED" }],
    [500, "toomanyrequests: You have reached your pull rate limit", { code: "IAAS_THROTTLED" }],
    [503, "the daemon is starting", { code: "IAAS_UNAVAILABLE" }],
    [500, "something new", { code: "IAAS_PROVIDER_FAILURE", vendorCode: "500" }],
  ])("%i %s", (status, message, expected) => {
    expect(toDockerError(said(status, message), at, "")).toMatchObject(expected);
  });

  it("without permission for the socket is said so, with what to do", () => {
    const cause = Object.assign(new Error("connect EACCES"), { code: "EACCES", syscall: "connect" });
    const error = toDockerError(cause, at, "unix:///run/docker.sock");
    expect(error).toMatchObject({ code: "IAAS_PERMISSION_DENIED" });
    expect(error.message).toMatch(/unix:\/\/\/run\/docker\.sock.*group.*DOCKER_HOST/);
  });

  it("when it restarts in the middle leaves the outcome unknown", () => {
    const cause = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET", syscall: "read" });
    expect(toDockerError(cause, at, "")).toMatchObject({ code: "IAAS_UNAVAILABLE", outcome: "unknown", retry: "same" });
  });
});
