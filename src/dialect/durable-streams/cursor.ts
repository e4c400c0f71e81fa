/**
 * The cursor of a live read: the number of the 20 seconds that it falls into. Requests that stand at the same place and come in the same
 * 20 seconds have the same URL, so a CDN asks for all of them once; with the next ones the URL is another, so no old answer comes back. Pure.
 */
const BEGIN_MS = Date.UTC(2024, 9, 9)
const INTERVAL_MS = 20_000

/** `given`: the cursor of the request. It never goes back, and never stands still: who echoes one is not given the same answer again. */
export function cursorAt(nowMs: number, given: string | null): string {
  const now = Math.floor((nowMs - BEGIN_MS) / INTERVAL_MS)
  const before = given !== null && /^\d{1,15}$/.test(given) ? Number(given) : -1
  return String(Math.max(now, before + 1))
}
