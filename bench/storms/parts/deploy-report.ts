/** What every storm of a planned deploy prints, and what it holds the gateway to. */
import type { Departure } from './departure.ts'
import type { HerdOutcome } from './herd.ts'
import type { Journey } from './herd-terms.ts'
import type { DoorCounts, Publishers } from './publishers.ts'
import { percentile, percentiles, printTable, seconds, type Promises, type Rows } from './report.ts'

/** Of who is to move once: some are asked where they have just come to. */
const MOVES_MAX = 1.1
/** What is left of the time for which messages are kept (60 s) to one who has slept for as long as anybody does (40 s). */
const LEFT_MS = 20_000
const STREAM_GAP_P95_MS = 600
/** A tenth of the plan, and two looks of whoever watches. */
const PLAN_SLACK = 0.1
const LOOKS_MS = 1500
/** Above the deadline: the farewell, and the end of the process. */
const EXIT_MS = 5000

export interface DeployFindings {
  readonly herd: HerdOutcome
  readonly publishers: Publishers
  readonly departures: readonly Departure[]
  /** So often an SDK's client may move, on average. */
  readonly movesMax: number
}

export function printDeploy(findings: DeployFindings, more: Rows = []): void {
  const { herd, publishers, departures } = findings
  const { tally, resetsAwake, journeys } = herd
  const { sdk, sse, websocket, poll } = journeys.awake
  printTable([
    ['clients', clientsText(herd)],
    ['published', String(publishers.accepted)],
    ['… over HTTP: refused / unanswered / repeated', doorText(publishers.counts.http)],
    ['… over NATS: refused / unanswered / repeated', doorText(publishers.counts.nats)],
    ['deliveries expected', String(tally.expected)],
    ['shown', String(tally.shown)],
    ['lost', String(tally.lost)],
    ['shown twice', String(tally.twice)],
    ['out of order', String(tally.outOfOrder)],
    ['resets', `${tally.resets}, ${resetsAwake} of these of clients that do not sleep`],
    ['SDK: moves per client', movesPerClient(sdk).toFixed(2)],
    ['SDK: from node to node', pathsText(sdk, departures)],
    ['SDK: gap p50 / p95 / p99 / max', percentiles(sdk.gapsMs)],
    ['EventSource: gap p50 / p95 / p99 / max', percentiles(sse.gapsMs)],
    ['plain WebSocket: gap p50 / p95 / p99 / max', percentiles(websocket.gapsMs)],
    ['poll: gap p50 / p95 / p99 / max', percentiles(poll.gapsMs)],
    ['poll: answers that sent it away (503, 429)', String(poll.refusals)],
    ['those who sleep: SDK / EventSource / WebSocket gap p50', sleepersText(herd)],
    ...departures.map((one, index): [string, string] => [
      `node ${index + 1}, ${one.version}`,
      departureText(one),
    ]),
    ...more,
  ])
}

/** Of the data: whatever happens. `absentMs`: for so long nobody who comes back was let in, beside the time that he slept. */
export function holdToData(promises: Promises, { tally, resetsAwake }: HerdOutcome, absentMs = 0): void {
  promises.keep('everybody is shown something', tally.shown > 0, String(tally.shown))
  promises.none('message is lost', tally.lost)
  promises.none('message is shown twice', tally.twice)
  promises.none('message is out of order', tally.outOfOrder)
  if (absentMs < LEFT_MS) promises.none('reset', tally.resets)
  else promises.none('reset of somebody who does not sleep', resetsAwake)
}

/** Of a deploy in which nothing breaks, where each node has a plan of its own. */
export function holdToPlanned(promises: Promises, findings: DeployFindings): void {
  holdToService(promises, findings)
  for (const departure of findings.departures) holdToPlan(promises, departure)
}

/** What clients and publishers notice of nothing that breaks. */
export function holdToService(promises: Promises, { herd, publishers, movesMax }: DeployFindings): void {
  const { sdk, sse, poll } = herd.journeys.awake
  holdToData(promises, herd)
  for (const [door, counts] of Object.entries(publishers.counts)) {
    promises.none(`publish over ${door} is refused`, counts.refused)
    promises.none(`publish over ${door} is unanswered`, counts.unanswered)
    promises.none(`publish over ${door} is repeated`, counts.repeated)
  }
  promises.none('client of the SDK is without a connection', sdk.gapsMs.length)
  const moves = movesPerClient(sdk)
  promises.keep(
    `a client of the SDK moves ${movesMax.toFixed(2)} times at most`,
    moves <= movesMax,
    moves.toFixed(2),
  )
  const p95 = percentile(sse.gapsMs, 0.95)
  promises.keep(
    `EventSource: gap p95 under ${STREAM_GAP_P95_MS} ms`,
    p95 < STREAM_GAP_P95_MS,
    `${Math.round(p95)} ms`,
  )
  promises.none('EventSource gives up', sse.gaveUp)
  promises.none('poll is sent away', poll.refusals)
}

export function holdToDeadline(promises: Promises, one: Departure): void {
  const { exit, tookMs, deadlineMs, node } = one
  promises.keep(`node ${node} exits with 0`, exit === 0, String(exit))
  promises.keep(
    `node ${node} keeps its deadline`,
    tookMs <= deadlineMs + EXIT_MS,
    `${seconds(tookMs)} of ${seconds(deadlineMs)}`,
  )
}

function holdToPlan(promises: Promises, one: Departure): void {
  const { askedMs, planMs, stepMs, node } = one
  const slackMs = planMs * PLAN_SLACK + LOOKS_MS
  holdToDeadline(promises, one)
  promises.keep(
    `node ${node} keeps its plan`,
    askedMs <= planMs + slackMs && askedMs >= planMs - stepMs - slackMs,
    `all were to be asked within ${seconds(planMs)}, and were within ${seconds(askedMs)}`,
  )
}

/**
 * Of the SDK's clients, by where each of them was: in each round one who is at a node that goes has to move once, wherever he
 * comes from. Not by how many connections the nodes had, of which others are a part, and not evenly.
 */
export function movesAllowed(
  { journeys }: HerdOutcome,
  departures: readonly Departure[],
  factor = MOVES_MAX,
): number {
  const { paths, clients } = journeys.awake.sdk
  const roundOf = new Map(departures.map(({ node, round }) => [node, round]))
  let needed = 0
  for (const [path, count] of Object.entries(paths)) {
    const rounds = new Set(path.split('>').map((node) => roundOf.get(node)))
    rounds.delete(undefined)
    needed += rounds.size * count
  }
  return clients === 0 ? 0 : (needed / clients) * factor
}

export function movesPerClient({ moves, clients }: Journey): number {
  return clients === 0 ? 0 : moves / clients
}

function clientsText({ journeys }: HerdOutcome): string {
  const { sdk, sse, websocket, poll } = journeys.awake
  const kinds = `${sdk.clients} SDK, ${sse.clients} EventSource, ${websocket.clients} plain WebSocket, ${poll.clients} poll`
  return `${kinds}; ${sizeOf(journeys.asleep)} sleep, ${sizeOf(journeys.still)} never move`
}

function sizeOf(group: Readonly<Record<string, Journey>>): number {
  return Object.values(group).reduce((sum, { clients }) => sum + clients, 0)
}

function sleepersText({ journeys: { asleep } }: HerdOutcome): string {
  return [asleep.sdk, asleep.sse, asleep.websocket]
    .map(({ gapsMs }) => (gapsMs.length === 0 ? 'none' : seconds(percentile(gapsMs, 0.5))))
    .join(' / ')
}

function doorText({ refused, unanswered, repeated, accepted, why }: DoorCounts): string {
  const reasons = Object.entries(why).map(
    ([name, { count, afterS }]) => `; ${count} ${name}, after ${afterS.toFixed(1)} s at most`,
  )
  return `${refused} / ${unanswered} / ${repeated} of ${accepted}${reasons.join('')}`
}

function departureText(one: Departure): string {
  const { clients, planMs, askedMs, tookMs, deadlineMs, exit, last, heldBy } = one
  const told =
    last === undefined
      ? ''
      : `; ${last.told} told, ${last.moved} moved, ${last.returned} of them returned, ${last.forced} closed, ${last.unseen} unseen`
  return (
    `${clients} clients, plan ${seconds(planMs)}: the last was asked after ${seconds(askedMs)}, ` +
    `the process after ${seconds(tookMs)} of ${seconds(deadlineMs)}, exit ${exit}${told}` +
    (heldBy.length === 0 ? '' : `; held by: ${heldBy.join(', ')}`)
  )
}

/** `120 1>a`: so many were welcomed by the node that went first and then by one that stayed. */
function pathsText({ paths }: Journey, departures: readonly Departure[]): string {
  const names = new Map(departures.map(({ node }, index) => [node, String(index + 1)]))
  const nameOf = (id: string): string => {
    const name = names.get(id) ?? String.fromCharCode(97 + names.size - departures.length)
    names.set(id, name)
    return name
  }
  const named = Object.entries(paths)
    .toSorted(([, a], [, b]) => b - a)
    .map(([path, count]) => `${count} ${path.split('>').map(nameOf).join('>')}`)
  return named.join(', ')
}
