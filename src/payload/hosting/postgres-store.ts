import { type ErrorOrigin } from "../../iaas/errors.ts";
import { check } from "../../iaas/validation.ts";
import type { PayloadStore } from "./store.ts";

/** What is needed of a PostgreSQL client: the pool of the package `pg` has it. */
export interface PostgresQueries {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly unknown[] }>;
}

const at: ErrorOrigin = { provider: "iaaskit", operation: "postgresPayloadStore" };
/** Names the lock under which the table is made: two sessions that make it at once would collide. */
const lock = 0x69_61_61_73;

/**
 * A store in PostgreSQL, for any number of controllers. The take is one `DELETE … RETURNING`; times are the database's.
 *
 * @param pool          As `new Pool()` of the package `pg` makes it. Stays the caller's to close.
 * @param options.table Default `iaaskit_payload`; made when it is not there.
 * @see https://www.postgresql.org/docs/current/sql-delete.html
 */
export function postgresPayloadStore(
  pool: PostgresQueries,
  options: { readonly table?: string | undefined } = {},
): PayloadStore {
  const { table = "iaaskit_payload" } = options;
  check(/^[a-z_][a-z0-9_]{0,62}$/.test(table), "table", "must be lower-case letters, digits and _", at);
  let made: Promise<unknown> | null = null;

  /** Once; again only after it has failed. */
  async function prepare(): Promise<void> {
    made ??= pool.query(
      // Two statements in one text are one transaction.
      `SELECT pg_advisory_xact_lock(${lock}); CREATE TABLE IF NOT EXISTS ${table} ` +
        "(id text PRIMARY KEY, bytes bytea NOT NULL, ends_at timestamptz NOT NULL)",
    );
    try {
      await made;
    } catch (error) {
      made = null;
      throw error;
    }
  }

  return {
    async put(id, bytes, { ttlMs }) {
      await prepare();
      await pool.query(`DELETE FROM ${table} WHERE ends_at <= now()`);
      await pool.query(
        `INSERT INTO ${table} (id, bytes, ends_at) VALUES ($1, $2, now() + $3 * interval '1 millisecond') ` +
          "ON CONFLICT (id) DO UPDATE SET bytes = excluded.bytes, ends_at = excluded.ends_at",
        [id, Buffer.from(bytes), ttlMs],
      );
    },
    async take(id) {
      await prepare();
      const text = `DELETE FROM ${table} WHERE id = $1 AND ends_at > now() RETURNING bytes`;
      const [row] = (await pool.query(text, [id])).rows as readonly { readonly bytes: Uint8Array }[];
      return row?.bytes ?? null;
    },
    async delete(id) {
      await prepare();
      await pool.query(`DELETE FROM ${table} WHERE id = $1`, [id]);
    },
  };
}
