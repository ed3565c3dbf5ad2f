import { reveal } from "../../iaas/secret.ts";
import type { PublishedPayload } from "./hosting.ts";

/** What a stub is made of. */
export interface Bootstrap extends PublishedPayload {
  /** Certificates in PEM for the download; `null`: the guest's own. */
  readonly certificateAuthority: string | null;
}

/** How the body, which begins in a private folder as the file `p`, clears up behind the stub. */
const clearing = 'umask 022\nrm -f p\ncd / && rmdir "$OLDPWD"\n';

/** What needs no quotes in a shell, and has no other reading for curl. */
const plainUrl = /^[A-Za-z0-9:/._-]+$/;

/**
 * What waits at the URL: a payload script, which removes itself before it begins.
 *
 * @param script As the form `shell` writes it.
 */
export function writeBody(script: string): string {
  const firstLine = script.indexOf("\n") + 1;
  return script.slice(0, firstLine) + clearing + script.slice(firstLine);
}

/**
 * A POSIX shell script that downloads what waits at a URL, with curl or wget, checks its SHA-256 and runs it.
 *
 * The fuller one where it fits, else the smallest: at most 255 bytes for a URL of up to 54 characters. Both try for
 * minutes, so that a host that restarts is no misfortune; both keep what they download in a folder of their own that
 * nobody else may read, and fail when it did not arrive.
 */
export function writeBootstrap(bootstrap: Bootstrap, fits: (script: string) => boolean): string {
  const full = writeFullBootstrap(bootstrap);
  const { url, key, certificateAuthority } = bootstrap;
  const isPlain = key === null && certificateAuthority === null && plainUrl.test(url);
  return fits(full) || !isPlain ? full : writeSmallBootstrap(bootstrap);
}

/** Five tries in three minutes. Runs what it got in the same shell: that ends with an `exit` of its own. */
function writeSmallBootstrap({ url, sha256 }: Bootstrap): string {
  return `#!/bin/sh
umask 77
cd \`mktemp -d\`
u=${url}
for i in 0 9 29 59 99;do
sleep $i
curl -fsm60 -op $u||wget -qOp $u
sha256sum -c<<E&&. ./p
${sha256}  p
E
done`;
}

/** Eleven tries in nine minutes. */
function writeFullBootstrap({ url, sha256, key, certificateAuthority }: Bootstrap): string {
  const hasCertificates = certificateAuthority !== null;
  const certificates = hasCertificates ? `cat >c <<'E'\n${certificateAuthority.trim()}\nE\n` : "";
  const decrypted = key === null ? "" : decryption(reveal(key));
  return `#!/bin/sh
umask 077
d=$(mktemp -d) && cd "$d" || exit 1
${certificates}u='${url.replaceAll("'", "%27")}'
t=; wget --version >/dev/null 2>&1 && t='-T 30 -t 1' # not every busybox has these
for i in 0 2 5 10 20 40 60 90 90 90 120; do
sleep $i
if command -v curl >/dev/null; then curl -gfsSm 120${hasCertificates ? " --cacert c" : ""} -o p "$u"
else wget -q $t${hasCertificates ? " --ca-certificate=c" : ""} -O p "$u"; fi
if echo '${sha256}  p' | sha256sum -c >/dev/null 2>&1; then
${decrypted}${hasCertificates ? "rm -f c\n" : ""}. ./p
fi
done
cd / && rm -rf "$d"
echo 'iaaskit: the payload did not arrive' >&2
exit 1
`;
}

function decryption(key: string): string {
  return `openssl enc -d -aes-256-ctr -K ${key} -iv ${"0".repeat(32)} -in p -out q && mv q p || exit 1\n`;
}
