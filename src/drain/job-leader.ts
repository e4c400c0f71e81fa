/**
 * What whoever leads the jobs makes of one, from what is known of its nodes. Pure: answers the job as it is to stand on the
 * shelf, and the same where nothing is to be changed. Two may think that they lead: what one has written the other has not
 * seen, so it cannot be overwritten.
 */
import { called, isActive, isOpen, isOver, type Job, type JobNode, type JobPart } from './job.ts'
import { allAtOnceFromMs, nodeDeadlineOf, shareOf, toldIn, untoldOf, type JobSight } from './job-pace.ts'

export interface LeaderSight extends JobSight {
  /** It is in the table of nodes, or has not been missing for long. */
  here(id: string): boolean
  /** A node that is called begins within this time, or is passed over. */
  readonly answerMs: number
  /** A node that has not heard of the job for so long asks nobody. */
  readonly leaveMs: number
}

export function advance(job: Job, sight: LeaderSight): Job {
  if (isOver(job)) return job
  let next: Job = { ...job, nodes: job.nodes.map((node) => judged(job, node, sight)) }
  if (next.planTold === undefined) next = { ...next, planTold: toldIn(next, sight) }
  if (next.state === 'running') next = withShares(withCalls(next, sight), sight)
  if (!next.nodes.some(isOpen))
    next = { ...next, endedAt: sight.nowMs, state: next.state === 'cancelled' ? 'cancelled' : 'done' }
  return isSame(next, job) ? job : next
}

/** What has become of a node without its own word. */
function judged(job: Job, node: JobNode, sight: LeaderSight): JobNode {
  const become = (part: JobPart): JobNode => ({
    ...node,
    part,
    since: sight.nowMs,
    ...(isActive(node) ? { told: sight.told(node.id) } : {}),
  })
  const here = sight.here(node.id)
  switch (node.part) {
    case 'waiting':
      if (!here) return become('left')
      return job.state === 'cancelled' ? become('stayed') : node
    case 'called':
      if (!here) return become('left')
      // It has not begun, and cannot any more.
      if (job.state === 'cancelled') return become('stayed')
      if (job.state === 'paused') return become('waiting')
      return sight.nowMs - (node.since ?? 0) > sight.answerMs ? become('silent') : node
    case 'moving':
      return here ? node : become('lost')
    default:
      return node
  }
}

/** Who was taken for dead may have been slow only, and goes on until it hears of it. */
function mayMove(node: JobNode, { nowMs, leaveMs }: LeaderSight): boolean {
  return isActive(node) || (node.part === 'lost' && nowMs - (node.since ?? 0) <= leaveMs)
}

/** In their order. As its end nears, or where an operator wants so, all that are left. */
function withCalls(job: Job, sight: LeaderSight): Job {
  const atOnce = job.now === true || sight.nowMs >= allAtOnceFromMs(job, sight)
  let free = atOnce ? Infinity : job.parallel - job.nodes.filter((node) => mayMove(node, sight)).length
  let next = job
  for (; free > 0 && next.nodes.some(({ part }) => part === 'waiting'); free--)
    next = called(next, sight.nowMs)
  return next
}

/** A node that has so many more than its share was made for, of those, gets another one. */
const GROWN_SHARE = 0.25

/**
 * Each time that the plan is another one, that more or fewer nodes share it, or that a node has many more clients than its share
 * was made for: those of one that has died come to the others of the job, too, and one that was empty would let one go at a time.
 */
function withShares(job: Job, sight: LeaderSight): Job {
  const lanes = job.nodes.filter(isActive).length
  const isHurried = sight.nowMs >= allAtOnceFromMs(job, sight)
  const share = `${job.plan} ${job.planFrom} ${lanes}${isHurried ? ' hurried' : ''}`
  const deadlineAt = nodeDeadlineOf(job, sight)
  const nodes = job.nodes.map((node): JobNode => {
    if (!isActive(node)) return node
    const clients = untoldOf(node, sight)
    if (isFor(node, share, clients)) return node
    const { plan, moveAt } = shareOf(job, node, lanes, sight)
    return {
      ...node,
      plan,
      share: `${share} of ${clients}`,
      moveAt,
      ...(deadlineAt === undefined ? {} : { deadlineAt: Math.max(sight.nowMs, deadlineAt) }),
    }
  })
  return { ...job, nodes }
}

function isFor({ share = '' }: JobNode, wanted: string, clients: number): boolean {
  const [of, count] = share.split(' of ')
  const reckoned = Number(count)
  return of === wanted && clients - reckoned <= Math.max(1, reckoned * GROWN_SHARE)
}

function isSame(a: Job, b: Job): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
