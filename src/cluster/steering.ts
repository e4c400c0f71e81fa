/**
 * One move per deploy: a client that was sent away should come to a node of the version that stays. Pure.
 */
import type { NodeInfo } from '../registry/registry.ts'

/** A client that has been turned away this often is let in wherever it comes. */
export const TURNS_MAX = 5
/** A node that has half its waiting room full has no room to spare. */
const PRESSURE_MAX = 0.5

type Steered = Pick<NodeInfo, 'version' | 'region' | 'startedAt'>

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
