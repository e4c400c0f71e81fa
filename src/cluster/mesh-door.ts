/**
 * Links between nodes over WebSockets on the second listener: the end that opens, and the end that accepts.
 */
import { ANSWER_HEADER, type NodeRequests } from './node-request.ts'
import type { NodeTokens } from './node-token.ts'
import { MESH_REFUSALS, type MeshDirection, type MeshRefusal } from './mesh-faults.ts'
import type { Link, LinkEvents, Links, Peer } from '../backbone/links.ts'
import type { Clock } from '../clock.ts'
import type { Listener, NativeSocket } from '../drivers/uws.ts'
import { dial } from '../drivers/ws.ts'
import type { Caught } from '../errors.ts'

const PATH = '/v1/mesh'
const PROTOCOL = 'sluice.mesh.v1'
/** What the token of a link is for. */
const FOR_LINK = 'link'
/** Who the link is for: another node may listen there by now. */
const FOR_NODE = 'sluice-node'
/** What a link is refused with, and why. Beside them 421: it is for another node. */
const STATUS: Readonly<Record<MeshRefusal, number>> = { secret: 401, clock: 403, replayed: 409 }
const HANDSHAKE_TIMEOUT_MS = 3000
const IDLE_TIMEOUT_SECONDS = 32
/** Room for what is around the largest payload. */
const ENVELOPE_BYTES_MAX = 4096
/** As much may wait on a link that cannot keep up; beyond it messages are left to repair from the log. */
const BUFFERED_BYTES_MAX = 16_777_216

export interface MeshDoorOptions {
  readonly nodeId: string
  readonly tokens: NodeTokens
  /** Proves to whoever opens a link that this is the node that was meant. */
  readonly requests: NodeRequests
  /** The second listeners of all nodes speak TLS; see `OtherNodes`. */
  readonly tls: { readonly ca: string | undefined } | undefined
  readonly payloadBytesMax: number
  readonly clock: Clock
  readonly caught: Caught
  /** A link was refused, here or by the other node. */
  refused(direction: MeshDirection, node: string, why: MeshRefusal): void
}

/** Opens a link to another node. */
export function dialPeer(options: MeshDoorOptions, peer: Peer, events: LinkEvents): { close(): void } {
  const { tokens, requests, tls, payloadBytesMax, clock, caught } = options
  const authorization = tokens.issue(peer.id, clock.now(), FOR_LINK)
  const socket = dial(
    `${tls === undefined ? 'ws' : 'wss'}://${peer.address}${PATH}`,
    {
      protocol: PROTOCOL,
      headers: {
        authorization,
        [FOR_NODE]: peer.id,
      },
      handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
      frameBytesMax: payloadBytesMax + ENVELOPE_BYTES_MAX,
      caught,
      ca: tls?.ca,
      // Whoever can write the table of nodes would get what is published, by entering an address of his own.
      accepts(headers) {
        const isPeer = requests.answeredBy(headers[ANSWER_HEADER], authorization, 101, '') === peer.id
        if (!isPeer) options.refused('out', peer.id, 'secret')
        return isPeer
      },
    },
    {
      opened: () =>
        events.opened({
          send(bytes) {
            if (socket.bufferedBytes > BUFFERED_BYTES_MAX) return false
            socket.send(bytes)
            return true
          },
          close: () => socket.close(),
        }),
      received: (bytes) => events.received(bytes),
      closed(reason, status) {
        for (const why of MESH_REFUSALS) if (status === STATUS[why]) options.refused('out', peer.id, why)
        events.closed(reason)
      },
    },
  )
  return socket
}

/** A link that another node has opened. uWebSockets.js may call back from within, so it is closed once. */
class AcceptedLink implements Link {
  readonly peer: string
  socket: NativeSocket | undefined

  constructor(peer: string) {
    this.peer = peer
  }

  send(bytes: Uint8Array): boolean {
    return this.socket !== undefined && this.socket.send(bytes, true) !== 2
  }

  close(): void {
    const { socket } = this
    this.socket = undefined
    socket?.close()
  }
}

/** Accepts links of nodes that know the cluster's secret. */
export function acceptPeers(listener: Listener, options: MeshDoorOptions, links: Links): void {
  const { nodeId, tokens, requests, payloadBytesMax, clock } = options
  listener.webSocket<AcceptedLink>(PATH, {
    frameBytesMax: payloadBytesMax + ENVELOPE_BYTES_MAX,
    bufferedBytesMax: BUFFERED_BYTES_MAX,
    idleTimeoutSeconds: IDLE_TIMEOUT_SECONDS,
    upgrade(head, upgrade) {
      const wanted = head.headers[FOR_NODE]
      if (wanted !== undefined && wanted !== nodeId) {
        upgrade.refuse(421, {}, 'the link is for another node')
        return
      }
      const { authorization = '' } = head.headers
      const { from, verdict } = tokens.check(authorization, clock.now(), FOR_LINK)
      if (from !== undefined && verdict === 'good') {
        const proof = { [ANSWER_HEADER]: requests.answer(authorization, 101, '') }
        upgrade.accept(new AcceptedLink(from), PROTOCOL, proof)
        return
      }
      const why = verdict === 'clock' || verdict === 'replayed' ? verdict : 'secret'
      // What names no node is no link: anybody may knock.
      if (from !== undefined) options.refused('in', from, why)
      upgrade.refuse(
        STATUS[why],
        {},
        'the link is not of this cluster, of another time, or not for the first time',
      )
    },
    open(link, socket) {
      link.socket = socket
      links.accept(link.peer, link)
    },
    // The memory is the library's: what is kept has to be copied.
    message: (link, message, binary) => {
      if (binary) links.received(link.peer, Buffer.from(message.slice(0)))
    },
    // Feeds repair from the log.
    dropped: () => undefined,
    congested: undefined,
    drain: () => undefined,
    // Whoever is here knows the secret of the cluster.
    control: () => undefined,
    close(link) {
      link.socket = undefined
      links.lost(link.peer, link)
    },
  })
}
