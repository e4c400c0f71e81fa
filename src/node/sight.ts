/**
 * What is seen of connections: their lines in the log, and users who are followed, here and on the other nodes. Part of the composition.
 */
import { send } from '../cluster/control.ts'
import { Traces } from '../cluster/traces.ts'
import { FlightRecorder } from '../observe/flight-recorder.ts'
import type { Account } from '../observe/account.ts'
import type { Ended } from '../errors.ts'
import type { Came, SeenSession, Tap, Witness } from '../observe/witness.ts'
import type { Base } from './base.ts'
import type { Stores } from './stores.ts'
import type { Switchboard } from './switchboard.ts'

export interface Sight {
  readonly witness: Witness
  readonly traces: Traces
  /** Who follows somebody is told that it is over. */
  close(): void
}

export interface SightPorts {
  readonly stores: Pick<Stores, 'backbone'>
  readonly switchboard: Switchboard
}

export function createSight(base: Base, { stores, switchboard }: SightPorts): Sight {
  const { id, clock } = base
  const recorder = new FlightRecorder({ nodeId: id, clock, sessions: () => switchboard.sessions() })
  const traces = new Traces({
    nodeId: id,
    recorder,
    clock,
    // Where some node is not reached it is told again in a moment.
    tell: (node, message) => void send(stores.backbone, node, message),
  })
  return {
    witness: new NodeWitness(base, recorder),
    traces,
    close() {
      traces.close()
      recorder.close()
    },
  }
}

class NodeWitness implements Witness {
  readonly #log: Base['connectionLog']
  readonly #recorder: FlightRecorder

  constructor({ connectionLog }: Base, recorder: FlightRecorder) {
    this.#log = connectionLog
    this.#recorder = recorder
  }

  get tap(): Tap | undefined {
    return this.#recorder.tap
  }

  began(session: SeenSession, came: Came): number | undefined {
    return this.#log.began(session, came)
  }

  ended(session: SeenSession, account: Account | undefined, ended: Ended): void {
    this.#log.ended(session, account, ended)
    this.tap?.ended(session, ended)
  }
}
