/**
 * Where a client that was sent away should come to: a node of the latest deploy, so that a deploy moves it once, and one
 * that has fewer clients than others. Pure.
 *
 * What is latest is said, or follows from when its version was seen first, and never from when a process was started: an
 * old pod that restarts in the middle of a deploy is as old as it was. It keeps (test/property/steering.property.test.ts):
 *  T1 a node of the target turns nobody away for the sake of a version, whoever restarts
 *  T2 any other one does, for as long as a node of the target has room and the client has turns left
 *  T3 a node whose clients a job moves, or will, turns away for as long as any other one takes clients, and is none that
 *     somebody else is turned away for
 *  T4 nor is it shown to anybody for as long as one of its region that stays takes clients: a balancer that prefers the emptiest
 *     node shows it again and again, however often it turns somebody away
 */
import type { Target } from './orders.ts'
import type { Deploy, NodeInfo } from '../registry/registry.ts'

/**
 * A client that has been turned away this often is let in wherever it comes: one in 256 where half of the nodes are of the old
 * deploy. So often the SDK comes well within `drain.grace`.
 */
export const TURNS_MAX = 8
/** Of a client that no old connection serves meanwhile: more turns would cost it more than the second move that they save. */
export const TURNS_UNSERVED_MAX = 5
/**
 * At a node that a job will drain, where another one of its region stays: who is let in there is moved again for sure, and the
 * balancer does not show it for long. One digit counts them for a stream.
 */
export const TURNS_LEAVING_MAX = 12
export const TURNS_LEAVING_UNSERVED_MAX = 6
/** A stream that is sent on is served by nobody: it comes again at once, and not in step with others. */
export const SENT_ON_MAX_MS = 100
/** A node that has half its waiting room full has no room to spare. */
const PRESSURE_MAX = 0.5

/** A node with more than this part over the average is full enough. */
const FULLER = 1.1

/** What a node knows of itself and the others. */
export interface Sight {
  readonly self: Pick<NodeInfo, 'id' | 'version' | 'region' | 'state' | 'deploy' | 'connections'>
  readonly others: readonly NodeInfo[]
  readonly target: Target | undefined
  /** Nodes whose clients a job of the cluster moves, or will: whoever is let in there is moved again. */
  readonly leaving: ReadonlySet<string>
}

/** `served`: its old connection still serves it. One without is not sent on for the sake of even numbers. */
export function redirects(turns: number, served: boolean, sight: Sight): boolean {
  if (yieldsTo(sight).length > 0) return turns < (served ? TURNS_LEAVING_MAX : TURNS_LEAVING_UNSERVED_MAX)
  return served
    ? turns < TURNS_MAX && isBetterElsewhere(sight)
    : turns < TURNS_UNSERVED_MAX && isOutdated(sight)
}

export function isBetterElsewhere(sight: Sight): boolean {
  return isOutdated(sight) || isFuller(sight)
}

/**
 * Whether a client that is moving is better off at another node: one of a later deploy in the same region that has room,
 * or any that has where this one is kept out.
 */
export function isOutdated(sight: Sight): boolean {
  if (isLeaving(sight)) return true
  const { self, others, target, leaving } = sight
  const staying = others.filter(({ id }) => !leaving.has(id))
  const near = takersNear(self.region, staying)
  if (near.length > 0 && self.state === 'cordoned') return true
  const all = [self, ...others]
  const own = rankOf(self, all, target)
  if (own === undefined) return false
  return near.some((node) => {
    const rank = rankOf(node, all, target)
    return rank !== undefined && isLater(rank, own)
  })
}

/** The nodes for which this one is to get no new connections: those of its region that stay, where a job moves its own clients. */
export function yieldsTo({ self, others, leaving }: Sight): readonly NodeInfo[] {
  if (!leaving.has(self.id)) return []
  return takersNear(
    self.region,
    others.filter(({ id }) => !leaving.has(id)),
  )
}

/** A job moves its clients, or will, and somebody else takes some, in whatever region. */
function isLeaving({ self, others, leaving }: Sight): boolean {
  return leaving.has(self.id) && takersOf(others.filter(({ id }) => !leaving.has(id))).length > 0
}

/** The latest of the deploys, which is what a target has to come before; what is seen for the first time from now on is later. */
export function latestOf(deploys: readonly (Deploy | undefined)[], nowMs: number): Deploy {
  let latest: Deploy = { generation: nowMs, said: false }
  for (const deploy of deploys) {
    if (deploy !== undefined && isLater({ ...deploy, targeted: false }, { ...latest, targeted: false }))
      latest = deploy
  }
  return latest
}

/** The version that clients go to: of those that there are, the one of the latest deploy. */
export function versionGoneTo({ self, others, target }: Pick<Sight, 'self' | 'others' | 'target'>): string {
  const all = [self, ...others]
  let best: { readonly version: string; readonly rank: Rank } | undefined
  for (const { version, deploy } of all) {
    const rank = rankOf({ version, ...(deploy && { deploy }) }, all, target)
    if (rank !== undefined && (best === undefined || isLater(rank, best.rank))) best = { version, rank }
  }
  return best?.version ?? self.version
}

/** Whether this node has clearly more clients than the others of its region that take some, and are not of an earlier deploy. */
export function isFuller({ self, others, target, leaving }: Sight): boolean {
  const all = [self, ...others]
  const own = rankOf(self, all, target)
  const staying = others.filter(({ id }) => !leaving.has(id))
  const takers = takersNear(self.region, staying).filter((node) => {
    const rank = rankOf(node, all, target)
    return own === undefined || rank === undefined || !isLater(own, rank)
  })
  if (takers.length === 0) return false
  const total = takers.reduce((sum, { connections }) => sum + connections, self.connections)
  return self.connections > (total / (takers.length + 1)) * FULLER
}

function takersNear(region: string, others: readonly NodeInfo[]): readonly NodeInfo[] {
  return takersOf(others).filter((node) => node.region === region)
}

function takersOf(others: readonly NodeInfo[]): readonly NodeInfo[] {
  return others.filter(
    ({ role, state, pressure }) => role !== 'api' && state === 'active' && pressure <= PRESSURE_MAX,
  )
}

interface Rank extends Deploy {
  /** Operators have said so. */
  readonly targeted: boolean
}

type Deployed = Pick<NodeInfo, 'version' | 'deploy'>

/** `undefined`: it is not known yet. */
function rankOf(
  { version, deploy }: Deployed,
  all: readonly Deployed[],
  target: Target | undefined,
): Rank | undefined {
  const own = deploy === undefined ? undefined : { ...deployOf(version, deploy, all), targeted: false }
  if (target === undefined || target.version !== version) return own
  const lifted = { ...target.over, targeted: true }
  return own !== undefined && isLater(own, lifted) ? own : lifted
}

/** Where the store has lost when a version was seen first, the node that knows best is right. */
function deployOf(version: string, deploy: Deploy, all: readonly Deployed[]): Deploy {
  if (deploy.said) return deploy
  let { generation } = deploy
  for (const other of all) {
    if (other.version === version && other.deploy?.said === false)
      generation = Math.min(generation, other.deploy.generation)
  }
  return { generation, said: false }
}

function isLater(a: Rank, b: Rank): boolean {
  if (a.said !== b.said) return a.said
  if (a.generation !== b.generation) return a.generation > b.generation
  return a.targeted && !b.targeted
}
