/**
 * What the backend has granted to users, where every node finds it: so a client that comes back, at whichever node, asks nobody.
 *
 * Every implementation keeps (test/conformance/grant-store.suite.ts):
 *  T1 what was put under a user's name is answered to every node until its time is over
 *  T2 `drop` takes away all of one user's, and nothing of another's
 *
 * Fails with `unavailable` when the store cannot be reached.
 */
export interface GrantStore {
  get(user: string, name: string): Promise<string | undefined>
  put(user: string, name: string, text: string, ttlMs: number): Promise<void>
  drop(user: string): Promise<void>
}
