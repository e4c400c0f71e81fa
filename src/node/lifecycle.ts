/**
 * How a node starts and ends: its parts in order, and in the other order back. Part of the composition.
 */
import type { Admission } from '../admission/admission.ts'
import type { Api } from '../api/api.ts'
import type { Clock } from '../clock.ts'
import { loadUws } from '../drivers/uws-binary.ts'
import { Closing } from '../errors.ts'
import type { Base } from './base.ts'
import type { DeletionCost } from './deletion-cost.ts'
import { endInTurn, endOver, type Ending } from './ending.ts'
import type { Listeners } from './listeners.ts'
import type { NodePace } from './pace.ts'
import { closeMomentMs, endMs, weaknesses } from './options.ts'
import type { Rooms } from './switchboard.ts'

/** Close frames and last events leave within this time before the sockets are cut. */
const FAREWELL_MS = 250
const LATE_ENDING =
  'parts of the node did not end in time, and were left behind: what they had to write may be lost'

export interface Whole extends Rooms {
  readonly listeners: Listeners
  readonly admission: Admission
  readonly pace: NodePace
  readonly api: Api
  /** Absent: Kubernetes is told nothing. */
  readonly cost: DeletionCost | undefined
}

/** Fails where an address is taken. */
export async function startNode(base: Base, whole: Whole): Promise<void> {
  const { config, version, log, health } = base
  const { listeners, stores, cluster, door } = whole
  const { region, role } = config.node
  await listeners.start()
  await stores.start()
  await cluster.start()
  await health.start()
  health.become('active')
  await cluster.membership.beat()
  // An `edge` node has clients to serve; publishers are others' work.
  if (role !== 'edge') door?.start()
  whole.webhooks?.start()
  for (const warning of weaknesses(config)) log.warn({}, warning)
  log.info({}, `uWebSockets.js: ${loadUws().why}`)
  const ports = { port: listeners.public.port, apiPort: listeners.api.port }
  log.info({ version, region, role, ...ports }, 'the node is ready')
  whole.cost?.start()
}

/** Within the time that the configuration gives it, whatever hangs. Never fails. */
export async function stopNode(base: Base, whole: Whole): Promise<void> {
  const { config, clock, log, health, failed } = base
  const { listeners, admission, cluster, delivery, door } = whole
  const { sessions } = delivery
  health.become('closing')
  admission.gate.close('closing')
  const doorClosed = door?.close()
  listeners.certificates.close()
  cluster.close()
  delivery.orders.close()
  delivery.sampling.close()
  listeners.public.stopListening()
  const goingAway = new Closing('goingAway', 'unavailable', 'the node is going away; come back elsewhere')
  const boundMs = endMs(config)
  if (sessions.count > 0) await endOver(closeMomentMs(config), sessions, goingAway, clock)
  const late = await endInTurn(endingsOf(whole, { goingAway, doorClosed, boundMs, clock }), boundMs, {
    clock,
    failed: (part, error) => failed(`the end of a part (${part})`, error),
  })
  if (late.length > 0) log.warn({ parts: late, boundMs }, LATE_ENDING)
  whole.pace.close()
  whole.cost?.close()
  await base.tracing?.close()
  base.close()
  log.info({}, 'the node has stopped')
}

interface EndingContext {
  readonly goingAway: Closing
  readonly doorClosed: Promise<void> | undefined
  readonly boundMs: number
  readonly clock: Clock
}

function endingsOf(
  { listeners, stores, cluster, delivery, moving, sight, api, webhooks }: Whole,
  { goingAway, doorClosed, boundMs, clock }: EndingContext,
): Ending[] {
  return [
    // One word for all of them, before each of them would have a word of its own.
    { part: 'presence', end: () => delivery.presence.close() },
    { part: 'clients', end: () => void delivery.sessions.endAll(goingAway, () => true) },
    { part: 'farewell', end: () => passed(Math.min(FAREWELL_MS, boundMs / 4), clock) },
    // Before the table of nodes: who is not in it any more has died, for the others.
    { part: 'webhooks', end: () => webhooks?.close() },
    // Where the registry is away the entry ends by itself.
    {
      part: 'table of nodes',
      async end() {
        sight.close()
        await Promise.all([moving.jobs.records.close(), moving.jobs.runner.close()])
        await cluster.membership.leave()
      },
    },
    { part: 'streams of operators', end: () => api.endStreams() },
    // Who publishes would not know whether it was, and publish it again; but some never send the whole of their request.
    {
      part: 'publishes under way',
      end: () => Promise.all([doorClosed, api.settled()]).then(() => undefined),
    },
    {
      part: 'listeners',
      end() {
        listeners.public.close()
        listeners.api.close()
        delivery.hub.close()
      },
    },
    ...stores.endings,
  ]
}

function passed(ms: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve))
}
