/**
 * Where a {@link PayloadHost} keeps what waits. Ids are 64 letters and digits, made by the host.
 *
 * A store of your own has to get one thing right: of any number of takers, in any number of processes, one gets the
 * bytes. A read followed by a delete does not do.
 */
export interface PayloadStore {
  /** Keep the bytes for `ttlMs` milliseconds; bytes of the same id are replaced. */
  put(id: string, bytes: Uint8Array, options: { readonly ttlMs: number }): Promise<void>;
  /** Get the bytes and remove them, in one step; `null` when they are not there, or their time is over. */
  take(id: string): Promise<Uint8Array | null>;
  /** Remove the bytes. Success when they are not there. */
  delete(id: string): Promise<void>;
}
