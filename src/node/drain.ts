/**
 * The drain of a node, and moving a part of its clients to emptier nodes: who is moved, what the node says of itself
 * meanwhile, and when it ends. Part of the composition.
 */
import type { DrainCommand, MoveReason, NodeDrainOptions, NodeDrainPorts } from './drain-ports.ts'
import { movable, movables, type Mover } from './movables.ts'
import { destinationIn, type Destination } from '../cluster/destination.ts'
import type { Arrived, Capacity, DrainOptions } from '../drain/core.ts'
import { Departures } from '../drain/departures.ts'
import { Drain, type DrainProgress, type Evicted } from '../drain/drain.ts'
import { capacityOf } from '../drain/cluster-health.ts'
import { BY_SIGNAL, type Movement, type Origin } from '../drain/movement.ts'
import { parsePlan, PLAN_RULE, planText, type Plan } from '../config/drain-plan.ts'
import { lengthMs, scheduleOf, slackMs, type Underway } from '../drain/schedule.ts'
import { SluiceError } from '../errors.ts'

/** Siblings leave within this time of each other; the next heartbeat would show it late. */
const SIBLINGS_LOOK_MS = 250
const SIBLINGS_LOOKS_MAX = 20

export class NodeDrain {
  readonly #ports: NodeDrainPorts
  readonly #options: NodeDrainOptions
  readonly #departures: Departures
  #drain: Drain | undefined
  /** The drain that a signal began, or joined. */
  #bySignal: Drain | undefined
  #withOthers = false
  /** Absent: clients go to their usual address, which leads to another node. */
  #destination: Destination | undefined
  /** The last one that has ended: where the node stays, word of its clients still comes. */
  #finished: Drain | undefined
  #rebalance: Drain | undefined
  #rebalanced: Drain | undefined
  #hold: string | undefined

  constructor(options: NodeDrainOptions, ports: NodeDrainPorts) {
    this.#options = options
    this.#ports = ports
    this.#departures = new Departures(ports.nodeId)
  }

  /** Of the drain that runs, or the last one; `undefined`: there was none. */
  get progress(): DrainProgress | undefined {
    const progress = (this.#drain ?? this.#finished)?.progress()
    const to = this.#destination?.region
    return progress === undefined || to === undefined ? progress : { ...progress, to }
  }

  /** The batch in which the drain has ended that ran last. */
  get underway(): Underway | undefined {
    return (this.#drain ?? this.#finished)?.underway
  }

  /**
   * Starts a drain, or changes the one that runs. Answers when the node is empty, or that it stays. Fails with
   * `bad_request` for a plan that is none, and with `not_found` where a drain is to pause or to go on and none runs.
   */
  begin(command: DrainCommand = {}, origin = BY_SIGNAL): Promise<'gone' | 'cancelled'> {
    const plan = command.plan === undefined ? undefined : planOf(command.plan)
    const destination =
      command.to === undefined ? undefined : destinationIn(command.to, this.#ports.membership.others)
    const running = this.#drain
    // The node is about to stop.
    if (running === undefined && this.#finished?.state === 'gone') return Promise.resolve('gone')
    if (running === undefined && command.paused !== undefined) throw noDrain()
    if (running === undefined || destination !== undefined) this.#destination = destination
    const drain = running ?? this.#start(plan ?? planOf(this.#options.plan), command, origin)
    if (running !== undefined && plan !== undefined) drain.setPlan(plan, command.waitMs)
    // A signal has told somebody for how long to wait.
    if (running !== undefined && drain !== this.#bySignal) {
      const deadlineMs = command.deadlineMs ?? (plan === undefined ? undefined : this.#deadlineMs(plan))
      if (deadlineMs !== undefined) drain.setDeadline(drain.elapsedMs + this.#emptyMs(deadlineMs))
    }
    if (command.paused === true) drain.pause()
    // Asked to go on, or to go, without a word about pausing: by a signal, for example.
    else if (command.paused === false || Object.keys(command).length === 0) drain.resume()
    if (command.finish === true) drain.finishNow()
    return drain.done
  }

  /**
   * The process was told to stop: as `begin`, but it does not wait for others where there are none. Nodes that are told
   * together take each other for one that stays, until each has said that it leaves. `alone`: nobody else is there for sure.
   */
  beginBySignal({ alone }: { readonly alone: boolean }): Promise<'gone' | 'cancelled'> {
    const done = this.begin()
    this.#bySignal = this.#drain
    this.#withOthers ||= alone
    this.#endAlone()
    return done
  }

  /** The nodes that were started with this one are told to stop as well, before the signal or after it. */
  leaveWithOthers(): void {
    this.#withOthers = true
    this.#endAlone()
  }

  /** Where a drain is under way: everybody goes now, whatever the others take. */
  hurry(): void {
    this.#drain?.finishNow()
  }

  /** Fails with `not_found` where nothing is under way. */
  cancel(): void {
    if (this.#drain === undefined) throw noDrain()
    this.#drain.cancel()
  }

  /** Of moving a part of the clients; `undefined`: that never happened. */
  get rebalanceProgress(): DrainProgress | undefined {
    return (this.#rebalance ?? this.#rebalanced)?.progress()
  }

  /**
   * Moves so many clients to other nodes; the node stays. Fails with `bad_request` where something is under way already,
   * or for a plan that is none.
   */
  rebalance(limit: number, plan: string | undefined, origin: Origin): Promise<'gone' | 'cancelled'> {
    if (this.#drain !== undefined || this.#rebalance !== undefined) {
      throw new SluiceError('bad_request', 'clients of this node are being moved already')
    }
    const { graceMs, returnMs } = this.#options
    const options = {
      plan: planOf(plan ?? this.#options.plan),
      deregisterMs: 0,
      graceMs,
      returnMs,
      // Whoever does not want to go may stay, so there is nobody to close.
      deadlineMs: Infinity,
      closeSpreadMs: 0,
      limit,
    }
    const drain = this.#move(options, 'move', () => undefined)
    this.#rebalance = drain
    this.#rebalanced = undefined
    this.#began('rebalance', origin, drain)
    void drain.done.then(() => {
      this.#rebalanced = drain
      this.#rebalance = undefined
      this.#departures.over()
    })
    return drain.done
  }

  /** Fails with `not_found` where nothing is under way. */
  cancelRebalance(): void {
    if (this.#rebalance === undefined) {
      throw new SluiceError('not_found', 'no clients of this node are being moved')
    }
    this.#rebalance.cancel()
  }

  /**
   * Another node has a client of this one: a session, or a stream or poll by its departure. Answers whether its connection
   * here may stay until the client closes it.
   */
  confirm(client: string, arrived: Arrived): boolean {
    const session = this.#departures.sessionOf(client)
    // Each of them, until one knows him.
    return this.#all().some((drain) => this.#confirmTo(drain, session, arrived))
  }

  /** A stream or a poll that was sent away is here again: the node stays, or it had nowhere else to go. */
  cameBack(client: string): void {
    const session = this.#departures.sessionOf(client)
    for (const drain of this.#all()) drain.cameBack(session)
  }

  /** Nobody is asked for this reason, until it is taken back. */
  hold(reason: string | undefined): void {
    this.#hold = reason
  }

  /** A client that another node has had to catch up on so many messages. */
  replayed(client: string, messages: number): void {
    const session = this.#departures.sessionOf(client)
    for (const drain of this.#all()) drain.replayed(session, messages)
  }

  /**
   * For the last cursor of a stream or a poll that goes elsewhere: it was asked to, or it is a poll that has its answer and
   * would find the gate closed with the next.
   */
  departureOf(session: string): string | undefined {
    const transport = this.#ports.sessions.get(session)?.connection.transport ?? 'poll'
    if (this.#drain?.leaving(session, transport) === true) this.#departures.asked(session)
    return this.#departures.segmentOf(session)
  }

  left(session: string): void {
    for (const drain of this.#all()) drain.gone(session)
    this.#departures.left(session)
  }

  /** Those that run, and those that word may still come for. */
  #all(): Drain[] {
    const all = [this.#drain, this.#rebalance, this.#finished, this.#rebalanced]
    return all.filter((drain) => drain !== undefined)
  }

  #confirmTo(drain: Drain, session: string, arrived: Arrived): boolean {
    const before = { confirmed: drain.confirmed, returned: drain.returned }
    const stays = drain.confirm(session, arrived)
    this.#ports.metrics.drainMoves.confirmed.add(drain.confirmed - before.confirmed)
    this.#ports.metrics.drainMoves.returned.add(drain.returned - before.returned)
    return stays
  }

  #endAlone(): void {
    this.#bySignal?.endAlone(this.#withOthers ? 0 : this.#options.aloneMs)
    if (this.#withOthers) this.#lookForSiblings(SIBLINGS_LOOKS_MAX)
  }

  #lookForSiblings(left: number): void {
    if (left === 0 || this.#bySignal === undefined) return
    this.#ports.clock.after(SIBLINGS_LOOK_MS, () => {
      void this.#ports.membership.beat()
      this.#lookForSiblings(left - 1)
    })
  }

  #start(plan: Plan, command: DrainCommand, origin: Origin): Drain {
    const { health, gate, membership, log } = this.#ports
    const { graceMs, returnMs, closeSpreadMs } = this.#options
    const deadlineMs = command.deadlineMs ?? this.#deadlineMs(plan)
    const deregisterMs = Math.max(this.#options.deregisterMs, command.waitMs ?? 0)
    this.#rebalance?.cancel()
    health.become('draining')
    void membership.beat()
    // Also where nobody is connected at this moment: balancers still send, and a poll may be between two answers.
    const emptyMs = this.#emptyMs(deadlineMs)
    const { underway } = command
    const options: DrainOptions = {
      ...{ plan, deregisterMs, graceMs, returnMs, deadlineMs: emptyMs, closeSpreadMs },
      ...(underway === undefined ? {} : { underway }),
    }
    const drain = this.#move(options, 'drain', ({ state }) => {
      if ((state === 'moving' || state === 'closing') && gate.state === 'open') gate.close('draining')
    })
    log.info(
      { ...origin, plan: planText(plan), deadlineMs },
      'the node is drained; by the deadline whoever is left is closed',
    )
    this.#drain = drain
    this.#finished = undefined
    this.#began('drain', origin, drain)
    void drain.done.then((outcome) => {
      this.#finished = drain
      this.#drain = this.#bySignal = undefined
      this.#departures.over()
      if (outcome === 'gone') return
      gate.open()
      health.become('active')
      void membership.beat()
    })
    return drain
  }

  /** By then the last client has gone. */
  #emptyMs(deadlineMs: number): number {
    return deadlineMs - Math.min(this.#options.endMs, deadlineMs / 2)
  }

  #planMs(plan: Plan): number {
    const { sessions, info, membership } = this.#ports
    if (plan.kind !== 'fast') return lengthMs(scheduleOf(plan, sessions.count))
    const { rate } = capacityOf(info(), membership.others, { to: this.#destination?.region })
    return (sessions.count / Math.max(1, rate ?? 1)) * 1000
  }

  #began(kind: Movement['kind'], origin: Origin, drain: Drain): void {
    this.#ports.began({ kind, origin, progress: () => drain.progress(), done: drain.done })
  }

  #deadlineMs(plan: Plan): number {
    const { deadlineMs, deregisterMs, graceMs, closeSpreadMs } = this.#options
    if (deadlineMs !== undefined) return deadlineMs
    const planMs = this.#planMs(plan)
    return deregisterMs + planMs + slackMs(planMs) + graceMs + closeSpreadMs
  }

  #move(options: DrainOptions, reason: MoveReason, changed: (progress: DrainProgress) => void): Drain {
    const { clock, log, sessions } = this.#ports
    const mover: Mover = {
      reason,
      departures: this.#departures,
      drain: () => (reason === 'drain' ? this.#drain : this.#rebalance),
      elsewhere: () =>
        this.#destination === undefined || reason === 'move' ? {} : { to: this.#destination.url },
    }
    return new Drain(options, {
      clock,
      connections: () => movables(this.#ports, mover),
      find: (id) => {
        const session = sessions.get(id)
        return session === undefined ? undefined : movable(session, this.#ports, mover)
      },
      count: () => sessions.count,
      capacity: () => this.#capacity(reason),
      changed: (progress) => {
        changed(progress)
        log.info(
          { [reason]: progress },
          progress.holding === undefined ? 'clients are moved' : 'moving clients waits',
        )
      },
      evicted: (evicted: Evicted) =>
        log.warn(evicted, 'clients that could not be moved in time were closed, since the node has to stop'),
    })
  }

  #capacity(reason: MoveReason): Capacity {
    const { membership, inquiry, info, leaving, nodeId } = this.#ports
    const nodes = leaving()
    // Who has to stop goes wherever he can.
    const together = nodes.has(nodeId) && this.#bySignal === undefined
    const capacity = capacityOf(info(), membership.others, {
      cutOff: inquiry.find(),
      to: reason === 'drain' ? this.#destination?.region : undefined,
      leaving: { nodes, together },
    })
    return this.#hold === undefined ? capacity : { ...capacity, ok: false, why: 'job', reason: this.#hold }
  }
}

function noDrain(): SluiceError {
  return new SluiceError('not_found', 'no drain is under way on this node')
}

function planOf(text: string): Plan {
  const plan = parsePlan(text)
  if (plan !== undefined) return plan
  throw new SluiceError(
    'bad_request',
    `the plan ${JSON.stringify(text.slice(0, 40))} is none; allowed: ${PLAN_RULE}`,
  )
}
