import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { delimiter, join } from "node:path";

import * as fc from "fast-check";
import { Payload, payloadFormats, reveal } from "iaaskit";
import { describe, expect, it } from "vitest";

import { temporaryFolder } from "../../support/folders.ts";
import { anyText, together } from "../../support/payloads.ts";

/** The shells of guests: Debian's, Red Hat's and Alpine's. Not every machine has all of them. */
const shells = [["dash"], ["bash"], ["bash", "--posix"], ["busybox", "ash"]].filter(([program = ""]) =>
  (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, program))),
);
const locales = ["C", "C.UTF-8"];
const shellsInLocales = shells.flatMap((shell) =>
  locales.map((locale) => ({ shell, locale, title: `${shell.join(" ")} in ${locale}` })),
);

interface Run {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

function run([program = "", ...words]: readonly string[], file: string, environment: Record<string, string> = {}): Run {
  const env = { PATH: process.env["PATH"], LC_ALL: "C", ...environment };
  const { status, stdout, stderr } = spawnSync(program, [...words, file], { env, timeout: 20_000 });
  return { code: status, stdout, stderr: stderr.toString() };
}

/** Writes a payload as a shell script and runs it. */
async function runPayload(folder: string, payload: Payload, shell: readonly string[]) {
  const file = join(folder, "payload.sh");
  await writeFile(file, payloadFormats.shell.write(payload));
  return run(shell, file, { IAASKIT_DIR: join(folder, "etc"), TMPDIR: folder, LC_ALL: "C.UTF-8" });
}

const manyTexts = fc.array(anyText, { minLength: 200, maxLength: 200 });
const named = (values: readonly string[]) => Object.fromEntries(values.map((value, index) => [`V${index}`, value]));
const variables = (values: readonly string[]) => values.map((_, index) => `"$V${index}"`).join(" ");
const joined = (values: readonly string[]) => values.map((value) => `${value}\0`).join("");
const bytesOf = (values: readonly string[]) => Buffer.from(joined(values)).toString("latin1");

/** Lets the shell say what it holds, so that its bytes and ours are compared. */
const print = (values: readonly string[]) => `printf '%s\\0' ${variables(values)}\n`;

it("there are at least two shells to try", () => {
  expect(shells.length).toBeGreaterThanOrEqual(2);
});

describe.each(shellsInLocales)("an env-file in $title", ({ shell, locale }) => {
  it("gives every value byte by byte", async () => {
    await using folder = await temporaryFolder();
    const [file, script] = [join(folder.path, "payload.env"), join(folder.path, "print.sh")];
    await fc.assert(
      fc.asyncProperty(manyTexts, async (values) => {
        await writeFile(file, payloadFormats["env-file"].write(Payload.environment(named(values))));
        await writeFile(script, `set -a\n. '${file}'\nset +a\n${print(values)}`);
        const { code, stdout, stderr } = run(shell, script, { LC_ALL: locale });
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
        expect(stdout.toString("latin1")).toBe(bytesOf(values));
      }),
      { numRuns: 2 },
    );
  });

  it("exports every value to the programs that the shell starts", async () => {
    await using folder = await temporaryFolder();
    const [file, script] = [join(folder.path, "payload.env"), join(folder.path, "print.sh")];
    const values = ["a b", "$(exit 9)`exit 9`", "two\nlines\n", "é😀", "", "\\\"'"];
    await writeFile(file, payloadFormats["env-file"].write(Payload.environment(named(values))));
    await writeFile(
      script,
      `set -a\n. '${file}'\nset +a\nexec "$NODE" -e 'process.stdout.write(JSON.stringify(process.env))'`,
    );
    const { stdout } = run(shell, script, { LC_ALL: locale, NODE: process.execPath });
    expect(JSON.parse(stdout.toString())).toMatchObject(named(values));
  });
});

describe.each(shells.map((shell) => ({ shell, title: shell.join(" ") })))("a payload script in $title", ({ shell }) => {
  it("gives its scripts every value byte by byte, and keeps them in payload.env", async () => {
    await using folder = await temporaryFolder();
    const output = join(folder.path, "output");
    await fc.assert(
      fc.asyncProperty(manyTexts, async (values) => {
        const pairs = Payload.environment(named(values));
        const script = Payload.script(`#!/bin/sh\n{ ${print(values)} } >'${output}'\n`);
        const { code, stderr } = await runPayload(folder.path, pairs.and(script), shell);
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
        expect((await readFile(output)).toString("latin1")).toBe(bytesOf(values));
        expect(await readFile(join(folder.path, "etc/payload.env"))).toEqual(
          Buffer.from(payloadFormats["env-file"].write(pairs)),
        );
      }),
      { numRuns: 1 },
    );
  });

  it("writes files byte by byte, text or not, whatever their path", async () => {
    await using folder = await temporaryFolder();
    const name = anyText.map((text) => `n${Array.from(text.replaceAll(/[/\n]/g, "-")).slice(0, 50).join("")}`);
    const content = fc.oneof(
      anyText.map((text) => Buffer.from(text)),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    );
    const files = fc.uniqueArray(fc.record({ name, content }), {
      selector: ({ name }) => name,
      minLength: 25,
      maxLength: 25,
    });
    await fc.assert(
      fc.asyncProperty(files, async (files) => {
        const at = (index: number, name: string) => join(folder.path, `deep ${index % 3}`, name);
        const parts = files.map(({ name, content }, index) => Payload.file(at(index, name), content));
        const { code, stderr } = await runPayload(folder.path, together(parts), shell);
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
        for (const [index, { name, content }] of files.entries()) {
          expect((await readFile(at(index, name))).equals(content)).toBe(true);
        }
      }),
      { numRuns: 1 },
    );
  });

  it("gives files their modes, in folders that others may enter", async () => {
    await using folder = await temporaryFolder();
    const modes = [0o400, 0o600, 0o640, 0o644, 0o755, 0o1755, 0o4755];
    const path = (mode: number) => join(folder.path, "new/deep", mode.toString(8));
    const files = modes.map((mode) => Payload.file(path(mode), "x", { mode }));
    expect((await runPayload(folder.path, together(files), shell)).code).toBe(0);
    const found = await Promise.all(modes.map(async (mode) => (await stat(path(mode))).mode & 0o7777));
    expect(found).toEqual(modes);
    expect((await stat(join(folder.path, "new"))).mode & 0o777).toBe(0o777 & ~process.umask());
  });

  it("keeps the mode of a file that it gives to an owner, also one that the change of owner would clear", async () => {
    await using folder = await temporaryFolder();
    const { username, gid } = userInfo();
    const path = join(folder.path, "program");
    const file = Payload.file(path, "#!/bin/sh\n", { mode: 0o4755, owner: `${username}:${gid}` });
    expect(await runPayload(folder.path, file, shell)).toMatchObject({ code: 0, stderr: "" });
    expect((await stat(path)).mode & 0o7777).toBe(0o4755);
  });

  it("leaves a file whose owner is unknown to its writer alone, says so, and goes on", async () => {
    await using folder = await temporaryFolder();
    const [lost, next] = [join(folder.path, "lost"), join(folder.path, "next")];
    const files = Payload.file(lost, "x", { owner: "no-such-user-here" }).and(Payload.file(next, "y"));
    const { code, stderr } = await runPayload(folder.path, files, shell);
    expect(code).toBe(1);
    expect(stderr).toContain(`iaaskit: file ${lost} failed\n`);
    expect((await stat(lost)).mode & 0o777).toBe(0o600);
    expect(await readFile(next, "utf8")).toBe("y");
  });

  it("replaces a file and its mode, and does not write through a link", async () => {
    await using folder = await temporaryFolder();
    const [target, link] = [join(folder.path, "target"), join(folder.path, "link")];
    await writeFile(target, "untouched");
    spawnSync("ln", ["-s", target, link]);
    const read = join(folder.path, "read-only");
    await writeFile(read, "before");
    await chmod(read, 0o444);
    const files = Payload.file(link, "new").and(Payload.file(read, "after", { mode: 0o640 }));
    expect(await runPayload(folder.path, files, shell)).toMatchObject({ code: 0, stderr: "" });
    expect([await readFile(target, "utf8"), await readFile(link, "utf8")]).toEqual(["untouched", "new"]);
    expect([await readFile(read, "utf8"), (await stat(read)).mode & 0o777]).toEqual(["after", 0o640]);
  });

  it("keeps the pairs for the one who runs it alone", async () => {
    await using folder = await temporaryFolder();
    await runPayload(folder.path, Payload.environment({ TOKEN: "x" }), shell);
    expect((await stat(join(folder.path, "etc/payload.env"))).mode & 0o777).toBe(0o600);
  });

  it("runs its scripts in order after the files, each by its own interpreter, and leaves nothing of them behind", async () => {
    await using folder = await temporaryFolder();
    const log = join(folder.path, "log");
    const payload = Payload.script(`#!/bin/sh\ncat "$WHERE/file" >>'${log}'; basename "$0" >>'${log}'`, {
      name: "z-first",
    })
      .and(
        Payload.script(
          `#!${process.execPath}\nrequire("fs").appendFileSync(${JSON.stringify(log)}, "node " + process.env.WHO);`,
        ),
      )
      .and(Payload.script(`#!/bin/sh\necho last >>'${log}'`, { name: "a-last" }))
      .and(Payload.file(join(folder.path, "file"), "file\n"))
      .and(Payload.environment({ WHERE: folder.path, WHO: "me\n" }));
    expect(await runPayload(folder.path, payload, shell)).toMatchObject({ code: 0, stderr: "" });
    expect(await readFile(log, "utf8")).toBe("file\nz-first\nnode me\nlast\n");
    expect((await readdir(folder.path)).sort()).toEqual(["etc", "file", "log", "payload.sh"]);
  });

  it("runs the others after a script that fails, names it, and fails at the end", async () => {
    await using folder = await temporaryFolder();
    const log = join(folder.path, "log");
    const payload = Payload.script("#!/bin/sh\nexit 3\n", { name: "broken.sh" })
      .and(Payload.script("#!/no/such/interpreter\n", { name: "lost.sh" }))
      .and(Payload.script("#!/bin/sh\nkill -KILL $$\n", { name: "killed.sh" }))
      .and(Payload.script(`#!/bin/sh\necho ran >'${log}'\n`, { name: "good.sh" }));
    const { code, stderr } = await runPayload(folder.path, payload, shell);
    expect(code).toBe(1);
    expect(await readFile(log, "utf8")).toBe("ran\n");
    const names = [...stderr.matchAll(/^iaaskit: script (\S+) failed$/gm)].map(([, name]) => name);
    expect(names).toEqual(["broken.sh", "lost.sh", "killed.sh"]);
  });

  it("writes the others after a file that cannot be written, names it, and fails at the end", async () => {
    await using folder = await temporaryFolder();
    const [taken, next] = [join(folder.path, "taken"), join(folder.path, "next")];
    await mkdir(taken);
    const payload = Payload.file(taken, "x").and(Payload.file(join(folder.path, "payload.sh/below"), "x"));
    const { code, stderr } = await runPayload(folder.path, payload.and(Payload.file(next, "y")), shell);
    expect(code).toBe(1);
    expect(stderr).toContain(`iaaskit: file ${taken} failed\n`);
    expect(stderr).toContain(`iaaskit: file ${folder.path}/payload.sh/below failed\n`);
    expect(await readFile(next, "utf8")).toBe("y");
  });

  it("reports what it did, in order, afresh each time", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "file");
    const payload = Payload.environment({ A: "1" })
      .and(Payload.file(path, "x"))
      .and(Payload.file("/dev/null/x", "x"))
      .and(Payload.script("#!/bin/sh\n", { name: "good" }))
      .and(Payload.script("#!/bin/sh\nexit 3\n", { name: "bad" }));
    for (const _ of [1, 2]) await runPayload(folder.path, payload, shell);
    const lines = (await readFile(join(folder.path, "etc/payload.report"), "utf8")).split("\n");
    expect(lines.map((line) => line.replace(/with [12]: file/, "with 1 or 2: file"))).toEqual([
      "ok environment",
      `ok file ${path}`,
      "failed with 1 or 2: file /dev/null/x",
      "ok script good",
      "failed with 3: script bad",
      "",
    ]);
  });

  it("goes on without its pairs where they cannot be written, and says so", async () => {
    await using folder = await temporaryFolder();
    const log = join(folder.path, "log");
    await writeFile(join(folder.path, "etc"), "");
    const payload = Payload.environment({ A: "1" }).and(Payload.script(`#!/bin/sh\necho ran >'${log}'\n`));
    const { code, stderr } = await runPayload(folder.path, payload, shell);
    expect(code).toBe(1);
    expect(stderr).toContain("iaaskit: environment failed\n");
    expect(await readFile(log, "utf8")).toBe("ran\n");
  });

  it("leaves the file mode creation mask of its scripts alone", async () => {
    await using folder = await temporaryFolder();
    const log = join(folder.path, "log");
    const payload = Payload.environment({ A: "1" }).and(Payload.script(`#!/bin/sh\numask >'${log}'\n`));
    await runPayload(folder.path, payload, shell);
    expect(Number.parseInt(await readFile(log, "utf8"), 8)).toBe(process.umask());
  });

  it("does nothing and succeeds without parts", async () => {
    await using folder = await temporaryFolder();
    expect(await runPayload(folder.path, Payload.empty, shell)).toMatchObject({ code: 0, stderr: "" });
    expect(await readdir(folder.path)).toEqual(["payload.sh"]);
  });

  it("works twice in the same place", async () => {
    await using folder = await temporaryFolder();
    const payload = Payload.environment({ A: "1" }).and(Payload.file(join(folder.path, "a/b"), "x", { mode: 0o400 }));
    const codes = [await runPayload(folder.path, payload, shell), await runPayload(folder.path, payload, shell)];
    expect(codes).toMatchObject([
      { code: 0, stderr: "" },
      { code: 0, stderr: "" },
    ]);
  });
});

describe("a payload script", () => {
  it("puts the pairs into /etc/iaaskit unless IAASKIT_DIR says otherwise", () => {
    const text = Buffer.from(payloadFormats.shell.write(Payload.environment({ A: "1" }))).toString();
    expect(text).toContain('iaaskit_dir="${IAASKIT_DIR:-/etc/iaaskit}"\n');
  });

  it("is read without a complaint by every shell", async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "payload.sh");
    await writeFile(file, payloadFormats.shell.write(Payload.environment({ A: "'" }).and(Payload.script("#!/bin/sh"))));
    for (const shell of shells) expect(run([...shell, "-n"], file)).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("names that no pair may have", () => {
  it.each(shells.map((shell) => shell.join(" ")))(
    "are all that %s does not give back, or does not get past",
    async (title) => {
      await using folder = await temporaryFolder();
      const candidates = "_ UID EUID PPID OPTIND OPTARG RANDOM SRANDOM SECONDS LINENO HISTCMD GROUPS DIRSTACK FUNCNAME";
      const others = "EPOCHSECONDS EPOCHREALTIME BASHPID BASH_SUBSHELL PIPESTATUS COMP_WORDBREAKS HOSTNAME HOME USER";
      const more = "TERM LANG LC_ALL TZ PWD OLDPWD SHLVL PS1 PS2 MAIL MAILCHECK CDPATH TMOUT LINES COLUMNS HOSTTYPE";
      const names = [candidates, others, more].join(" ").split(" ");
      const script = join(folder.path, "script");
      // Each in a shell of its own, which may end at it.
      const tries = names.map((name) => `(set -a; ${name}="a b"; set +a; printf %s "\${${name}}")\nprintf '\\0'\n`);
      await writeFile(script, tries.join(""));
      const answers = run(title.split(" "), script).stdout.toString().split("\0");
      expect(answers).toHaveLength(names.length + 1);
      const lost = names.filter((_, index) => answers[index] !== "a b");
      expect(lost.length).toBeGreaterThan(0);
      const accepted = lost.filter((name) => isAccepted(name));
      expect(accepted).toEqual([]);
    },
  );
});

function isAccepted(name: string): boolean {
  try {
    return reveal(Payload.environment({ [name]: "a b" }).environment[name] ?? "") === "a b";
  } catch {
    return false;
  }
}
