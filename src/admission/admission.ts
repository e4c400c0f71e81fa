/**
 * The room as the edge sees it: asks the gate, keeps the number of connections, and counts what each sends.
 */
import type { Clock } from '../clock.ts'
import type { Ended } from '../errors.ts'
import { disconnectReason } from '../observe/metric-labels.ts'
import type { Cells } from '../observe/metrics.ts'
import type { Ticket } from '../protocol/ticket.ts'
import type { TransportName } from '../protocol/transport-name.ts'
import { Gate, type Admit, type Attempt, type GateOptions, type GatePorts, type Refuse } from './gate.ts'
import { InboundLimits, type InboundOptions } from './limits.ts'
import type { Tickets } from './tickets.ts'

/** What an attempt came to, and what that costs its address, in attempts. */
const CHARGES = {
  /** A token was not accepted, or there was none. An honest client does that once; whoever tries tokens, all the time. */
  token: 10,
  /** A WebSocket never said `connect`, and held a place meanwhile. */
  silent: 10,
  /** It left before it said anything: a network that comes and goes does that too. */
  left: 2,
} as const
export type Fruitless = keyof typeof CHARGES

export interface AdmissionPorts extends GatePorts {
  readonly tickets: Pick<Tickets, 'spend'>
  readonly clock: Clock
  readonly metrics: GatePorts['metrics'] &
    Pick<Cells, 'connections' | 'connects' | 'disconnects' | 'limitsHit'>
}

/** What has been decided cannot be cancelled. */
const DECIDED = { cancel() {} }

export class Admission {
  readonly gate: Gate
  readonly #limits: InboundLimits
  readonly #tickets: AdmissionPorts['tickets']
  readonly #metrics: AdmissionPorts['metrics']

  constructor(options: GateOptions & InboundOptions, ports: AdmissionPorts) {
    this.gate = new Gate(options, ports)
    this.#limits = new InboundLimits(options, ports.clock, ports.metrics)
    this.#tickets = ports.tickets
    this.#metrics = ports.metrics
  }

  /** Whether it makes a difference from which address somebody comes. */
  get looksAtAddresses(): boolean {
    return this.gate.looksAtAddresses
  }

  /** Whether the ticket of an attempt is good, and worth something still. Once for each attempt. */
  knows(ticket: Ticket | undefined): boolean {
    return ticket !== undefined && this.#tickets.spend(ticket)
  }

  /** `decided` is called exactly once, now or later; not after `cancel`, which is for a peer that has left. */
  ask(attempt: Attempt, decided: (verdict: Admit | Refuse) => void): { cancel(): void } {
    const decision = this.gate.admit(attempt)
    if (decision.kind !== 'wait') {
      decided(decision)
      return DECIDED
    }
    decision.ticket.decided = decided
    return decision.ticket
  }

  /** Nothing came of an attempt. */
  charge(address: string, why: Fruitless): void {
    this.gate.charge(address, CHARGES[why])
  }

  connected(transport: TransportName): void {
    this.gate.connected()
    this.#metrics.connections[transport].inc()
    this.#metrics.connects[transport].inc()
  }

  /** Once for each `connected`. */
  disconnected(transport: TransportName, ended: Ended): void {
    this.gate.disconnected()
    this.#metrics.connections[transport].dec()
    this.#metrics.disconnects[disconnectReason(ended)].inc()
  }

  /** One frame of a connection. `false`: it is over a limit, and the frame was not counted. */
  take(connection: object, bytes: number): boolean {
    return this.#limits.take(connection, bytes)
  }
}
