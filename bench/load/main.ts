/** The process that plays the clients and the publishers, on a core of its own. */
import {
  Clients,
  type ConnectOptions,
  type Origin,
  type ReadingOptions,
  type StreamOptions,
} from './clients.ts'
import { Publishing, type PublishOptions } from './publishing.ts'
import type { RateOptions } from './rate.ts'
import { Requests, type RequestOptions } from './requests.ts'
import { answerSteps } from '../lib/steps.ts'
import type { PeerName, Ports } from '../peers/terms.ts'

interface Target {
  readonly peer: PeerName
  readonly ports: Ports
  readonly origin?: Origin
}

let clients: Clients | undefined
let publishing: Publishing | undefined
let requests: Requests | undefined

answerSteps({
  target({ peer, ports, origin }: Target) {
    clients = new Clients(peer, ports.port, origin)
    publishing = new Publishing(peer, ports, clients)
    requests = new Requests(peer, ports)
  },
  prepare: (count: number) => started(clients).prepare(count),
  connect: (options: ConnectOptions) => started(clients).connect(options),
  openStreams: (options: StreamOptions) => started(clients).openStreams(options),
  readInTurns: (options: ReadingOptions) => started(clients).readInTurns(options),
  disconnect: () => started(clients).disconnect(),
  publish: (options: PublishOptions) => started(publishing).publish(options),
  publishAtRate: (options: RateOptions) => started(publishing).publishAtRate(options),
  request: (options: RequestOptions) => started(requests).send(options),
})

function started<Part>(part: Part | undefined): Part {
  if (part === undefined) throw new Error('target comes before every other step')
  return part
}
