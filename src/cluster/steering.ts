/**
 * Where a client that was sent away should come to: a node of the version that stays, so that a deploy moves it once,
 * and one that has fewer clients than others. Pure.
 */
import type { NodeInfo } from '../registry/registry.ts'

/** A client that has been turned away this often is let in wherever it comes. */
export const TURNS_MAX = 5
/** Of a client that no old connection serves meanwhile: more turns would cost it more than the second move that they save. */
export const TURNS_UNSERVED_MAX = 3
/** A node that has half its waiting room full has no room to spare. */
const PRESSURE_MAX = 0.5

/** A node with more than this part over the average is full enough. */
const FULLER = 1.1

type Steered = Pick<NodeInfo, 'version' | 'region' | 'startedAt' | 'connections'>

/** `served`: its old connection still serves it. One without is not sent on for the sake of even numbers. */
export function turnsAway(
  turns: number,
  served: boolean,
  self: Steered,
  others: readonly NodeInfo[],
): boolean {
  return served
    ? turns < TURNS_MAX && isBetterElsewhere(self, others)
    : turns < TURNS_UNSERVED_MAX && isOutdated(self, others)
}

export function isBetterElsewhere(self: Steered, others: readonly NodeInfo[]): boolean {
  return isOutdated(self, others) || isFuller(self, others)
}

/**
 * Whether a client that is moving is better off at another node: one of another version in the same region that was
 * started after every node of this version, and has room. What was started last counts, not the greater number: a
 * deploy may take an older version back.
 */
export function isOutdated(self: Steered, others: readonly NodeInfo[]): boolean {
  const near = others.filter(({ region, role }) => region === self.region && role !== 'api')
  const latest = Math.max(
    self.startedAt,
    ...near.filter(({ version }) => version === self.version).map(({ startedAt }) => startedAt),
  )
  return near.some(
    ({ version, state, startedAt, pressure }) =>
      version !== self.version && state === 'active' && startedAt > latest && pressure <= PRESSURE_MAX,
  )
}

/** Whether this node has clearly more clients than the others of its region that take some. */
export function isFuller(self: Steered, others: readonly NodeInfo[]): boolean {
  const takers = others.filter(
    ({ region, role, state, pressure }) =>
      region === self.region && role !== 'api' && state === 'active' && pressure <= PRESSURE_MAX,
  )
  if (takers.length === 0) return false
  const total = takers.reduce((sum, { connections }) => sum + connections, self.connections)
  return self.connections > (total / (takers.length + 1)) * FULLER
}
