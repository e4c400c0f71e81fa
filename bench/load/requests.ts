/** Publishes over HTTP as autocannon sends them: as fast as the answers come, whoever is subscribed. */
import autocannon from 'autocannon'
import { DIALECTS } from './dialects.ts'
import { payload } from './payload.ts'
import { API_KEY, ROOM, type PeerName, type Ports } from '../peers/terms.ts'

export interface RequestOptions {
  readonly connections: number
  readonly requests: number
}

export interface RequestReport {
  readonly elapsedMs: number
}

export class Requests {
  readonly #peer: PeerName
  readonly #ports: Ports

  constructor(peer: PeerName, ports: Ports) {
    this.#peer = peer
    this.#ports = ports
  }

  async send({ connections, requests }: RequestOptions): Promise<RequestReport> {
    const { publishPath, byPath } = DIALECTS[this.#peer]
    const startedMs = performance.now()
    const result = await autocannon({
      url: `http://127.0.0.1:${this.#ports.apiPort}${byPath?.publish(ROOM) ?? publishPath}`,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(this.#peer.startsWith('sluice') ? { 'x-api-key': API_KEY } : {}),
      },
      body: byPath === undefined ? `{"channel":"${ROOM}","data":${payload(1)}}` : payload(1),
      connections,
      amount: requests,
    })
    const { errors, timeouts, non2xx } = result
    if (result['2xx'] !== requests || errors + timeouts + non2xx > 0)
      throw new Error(
        `of ${requests} publishes ${result['2xx']} succeeded, ${non2xx} were refused, ${errors} failed, ${timeouts} had no answer`,
      )
    return { elapsedMs: performance.now() - startedMs }
  }
}
