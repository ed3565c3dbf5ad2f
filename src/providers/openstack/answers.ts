import type { HttpResponse } from "../../transport/http.ts";
import { retryAfterMs } from "../../transport/retry-after.ts";

/** What a service has refused, or answered as no OpenStack does. Holds neither the request nor its headers. */
export class OpenStackRefusal extends Error {
  readonly status: number;
  readonly retryAfterMs: number | undefined;
  readonly requestId: string | undefined;

  /** @param code The service's own word for it, as `itemNotFound` or `OverQuota`. */
  constructor(code: string, message: string, details: Pick<OpenStackRefusal, "status" | "retryAfterMs" | "requestId">) {
    super(message);
    this.name = code;
    this.status = details.status;
    this.retryAfterMs = details.retryAfterMs;
    this.requestId = details.requestId;
  }
}

/** A text of a cloud, no longer than a person reads. */
const messageAtMost = 500;

/**
 * The content of an answer that is a success; `null` where it is empty.
 *
 * @throws OpenStackRefusal
 */
export function answerOf(service: string, method: string, url: string, response: HttpResponse): unknown {
  const { status, headers, text } = response;
  const isSuccess = status >= 200 && status < 300;
  const body = parsed(text);
  const request = `${method} ${new URL(url).pathname}`;
  const details = { status, requestId: requestIdOf(headers), retryAfterMs: retryAfterMs(headers["retry-after"]) };
  if (isSuccess && (text === "" || body !== undefined)) return body ?? null;
  if (isSuccess)
    throw new OpenStackRefusal("", `${service} answered ${request} with no JSON`, { ...details, status: 502 });
  if (status >= 300 && status < 400) {
    throw new OpenStackRefusal("", `${service} answered ${request} with a redirect, which is not followed`, details);
  }
  const { code, message, retryAfter } = refusalOf(body, text);
  const told = details.retryAfterMs ?? retryAfterMs(retryAfter);
  const words = message === "" ? `${service} answered ${request} with ${status}` : readable(message);
  throw new OpenStackRefusal(code, words, { ...details, retryAfterMs: told });
}

function parsed(text: string): unknown {
  try {
    return text === "" ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined; // what is not JSON is told by its first line
  }
}

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly retryAfter?: unknown;
}

/** Nova and Cinder: `{ code: { message } }`; Neutron: `{ NeutronError: { type, message } }`; Keystone: `{ error }`. */
function refusalOf(body: unknown, text: string): Refusal {
  const [[name, details] = ["", undefined]] = isRecord(body) ? Object.entries(body) : [];
  if (typeof details === "string" && name === "NeutronError") return { code: "", message: details };
  if (!isRecord(details)) return { code: "", message: body === undefined ? firstLines(text) : "" };
  const { type, title, message = "", retryAfter } = details;
  const code = name === "NeutronError" ? type : name === "error" ? title : name;
  return { code: typeof code === "string" ? code : "", message: String(message), retryAfter };
}

/** Of Glance's plain text, or of the page of a gateway in between. */
function firstLines(text: string): string {
  const plain = text.replaceAll(/<(style|script)[^]*?<\/\1>/g, " ").replaceAll(/<[^>]*>/g, " ");
  return plain.replaceAll(/\s+/g, " ").trim().slice(0, 200);
}

/** Without the value that was refused: Nova repeats it, and it may be the whole user data. */
function readable(message: string): string {
  const match = /^(Invalid input for field\/attribute (\S+))\. Value: /s.exec(message);
  if (match === null) return message.slice(0, messageAtMost);
  const [, start = "", field = ""] = match;
  if (/^(user_data|personality|contents|adminPass)$/.test(field)) return start;
  const why = /'[^']{0,100}' (is a required property|does not match .*|is too (long|short)|is not .*)$/s.exec(message);
  return why === null ? start : `${start}: ${why[0].slice(0, messageAtMost)}`;
}

function requestIdOf(headers: Readonly<Record<string, string>>): string | undefined {
  return headers["x-openstack-request-id"] ?? headers["x-compute-request-id"];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
