/**
 * What parts of a node tell those that are made after them: a store its backbone's messages, the table of nodes whoever
 * goes by it. Part of the composition.
 *
 * Nothing is told before `connect`, because nothing is started before everything is made.
 */
import type { BackboneSink } from '../backbone/backbone.ts'
import type { Peer } from '../backbone/links.ts'
import type { PacketRefusal } from '../backbone/sealed.ts'
import { dispatch, send } from '../cluster/control.ts'
import type { Pusher } from '../dialect/pusher/pusher.ts'
import type { MeshDirection, MeshRefusal } from '../cluster/mesh-faults.ts'
import type { Base } from './base.ts'
import type { Cluster } from './cluster.ts'
import type { Delivery } from './delivery.ts'
import type { NodeDoor } from './door.ts'
import type { LinkParts } from './links.ts'
import type { Moving } from './moving.ts'
import type { Sight } from './sight.ts'
import type { Stores } from './stores.ts'
import { isInternalChannel, publicName } from '../protocol/channel.ts'
import type { ChannelEvent } from '../protocol/form.ts'
import type { Occupancy } from '../occupancy/occupancy.ts'
import type { Message } from '../protocol/message.ts'
import type { Session } from '../session/session.ts'
import type { Note } from '../webhooks/happening.ts'
import type { NewNote } from '../webhooks/store.ts'
import type { Webhooks } from '../webhooks/webhooks.ts'
import type { Delivery as PublishDelivery, Published, PublishRequest } from '../publish/publisher.ts'
import { heard } from './webhooks.ts'

const FOREIGN_PACKET =
  'something came over NATS that no node of this cluster has sent, or not now: it was refused'

export interface Rooms {
  readonly stores: Stores
  readonly cluster: Cluster
  readonly delivery: Delivery
  readonly moving: Moving
  readonly door: NodeDoor | undefined
  readonly sight: Sight
  readonly links: LinkParts
  readonly occupancy: Occupancy
  readonly pusher: Pusher | undefined
  readonly webhooks: Webhooks | undefined
}

export class Switchboard implements BackboneSink {
  readonly #base: Base
  #connected: Rooms | undefined

  constructor(base: Base) {
    this.#base = base
  }

  connect(rooms: Rooms): void {
    this.#connected = rooms
  }

  get #rooms(): Rooms {
    if (this.#connected === undefined) throw new Error('a part was started before the node was whole')
    return this.#connected
  }

  // BackboneSink

  message(message: Message): void {
    const { metrics, caught } = this.#base
    metrics.backboneMessages.in.inc()
    try {
      if (message.trace === undefined) this.#rooms.delivery.hub.receive(message)
      else this.#trace(message)
    } catch (error) {
      caught('backbone', error)
    }
  }

  /** What goes to the topics leaves when the turn of the loop is over. */
  #trace(message: Message): void {
    const { hub } = this.#rooms.delivery
    const { channel, trace, time } = message
    const span = this.#base.tracing?.begin('deliver', trace, {
      'messaging.destination.name': publicName(channel),
      'sluice.subscribers': hub.local(channel)?.subscribers ?? 0,
    })
    hub.receive(message)
    if (span === undefined) return
    setImmediate(() => span.end({ 'sluice.accepted_to_written_ms': this.#base.clock.now() - time }))
  }

  control(fromNode: string, payload: Uint8Array): void {
    const { metrics, caught } = this.#base
    metrics.backboneMessages.in.inc()
    try {
      if (!this.#rooms.delivery.presence.heard(fromNode, payload)) this.#hear(fromNode, payload)
    } catch (error) {
      caught('backbone', error)
    }
  }

  connected(): void {
    const { cluster } = this.#rooms
    cluster.canary.send()
    this.heardAgain()
    void cluster.membership.update()
  }

  disconnected(): void {
    void this.#rooms.cluster.membership.update()
  }

  // What the stores meet

  /** The log and what else is kept may have lost something, or has more than anybody heard of. */
  storesReturned(): void {
    const { hub, presence, orders } = this.#rooms.delivery
    hub.backboneReturned()
    presence.storeReturned()
    orders.returned()
  }

  logReturned(): void {
    this.#rooms.delivery.hub.backboneReturned()
  }

  /** Links matter most where the registry is away as well: then those who were there last are asked. */
  peers(): Promise<readonly Peer[]> {
    const { membership } = this.#rooms.cluster
    return membership.refresh().catch(() => membership.others)
  }

  /** Whether a node reads packets of several messages; `undefined`: all that are in the table. */
  readsSeveral(node: string | undefined): boolean {
    return this.#rooms.cluster.membership.readsSeveral(node)
  }

  linkRefused(direction: MeshDirection, node: string, why: MeshRefusal): void {
    this.#rooms.cluster.meshFaults.refused(direction, node, why)
  }

  packetRefused(why: PacketRefusal, subject: string, from: string | undefined): void {
    // Who sent it is known only where it was sealed with the secret.
    const known = why === 'clock' || why === 'replayed'
    this.#base.mistakes.warn(`${FOREIGN_PACKET} (${why})`, { subject, ...(known ? { from } : {}) })
    if (why === 'clock' && from !== undefined) this.#rooms.cluster.meshFaults.clockDiffers(from)
  }

  // What the cluster and sessions say

  /** What this node sent itself has not arrived: neither may have what others sent. */
  messagesMissed(): void {
    this.#rooms.delivery.hub.backboneReturned()
  }

  /** What was said in between, by others and by this node, may be lost. */
  heardAgain(): void {
    const { stores, delivery } = this.#rooms
    delivery.hub.backboneReturned()
    stores.registry.recheck()
    delivery.handovers.repeat()
    delivery.orders.returned()
  }

  /** Whether the node does not hear what it sends itself. */
  get deaf(): boolean {
    return this.#rooms.cluster.canary.deaf
  }

  /** The table of nodes was read, as it was asked for at that time. */
  tableRead(askedMs: number): void {
    this.#rooms.moving.jobs.look(askedMs)
  }

  /** A client has come back that this node had sent away. */
  cameBack(client: string): void {
    this.#rooms.moving.draining.cameBack(client)
  }

  /** Presence tells it to who is on the channel here. */
  presenceTold(event: ChannelEvent): void {
    const { delivery, pusher } = this.#rooms
    delivery.hub.tell(event)
    pusher?.rosters.told(event)
  }

  /** How many connections of the whole cluster are on channels. */
  connectionsOn(channels: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.#rooms.occupancy.count(channels)
  }

  /** A user is in a channel here, or not any more. */
  memberHeld(channel: string, user: string, held: boolean): void {
    // A dialect may keep presence where no channel is.
    if (isInternalChannel(channel)) this.#rooms.webhooks?.holds({ kind: 'member', channel, user }, held)
  }

  /** Something has happened that backends may want to hear. */
  noted(note: Note, once?: NewNote['once']): void {
    this.#rooms.webhooks?.note(note, once)
  }

  /** A message was accepted. */
  published(delivery: PublishDelivery, request: PublishRequest, done: Published): void {
    const { webhooks } = this.#rooms
    if (webhooks !== undefined) heard(webhooks, delivery, request, done)
  }

  /** All that are connected here. */
  sessions(): Iterable<Session> {
    return this.#rooms.delivery.sessions.all()
  }

  sessionLeft(session: string): void {
    this.#rooms.moving.draining.left(session)
  }

  #hear(fromNode: string, payload: Uint8Array): void {
    const { cluster, delivery, links, moving, sight, occupancy } = this.#rooms
    const { users } = delivery
    const { draining } = moving
    dispatch(payload, {
      disconnect: (user, claim, as) => users.disconnect(user, claim, as),
      order: (sessions, order) => users.order(sessions, order),
      forget: (channel) => delivery.hub.forget(channel),
      revoke: (user, beforeMs) => users.revoke(user, beforeMs),
      stand: (sessions, change) => users.stand(sessions, change),
      // A client that was asked to move closes its old connection itself, once the new one serves.
      takenOver(taken) {
        const { session, detachedForMs: gapMs, recovered } = taken
        users.takenOver(taken, () => draining.confirm(session, { gapMs, recovered }))
      },
      givenUp: (session) => users.givenUp(session),
      cameBack: (client, recovered) => draining.confirm(client, { gapMs: undefined, recovered }),
      replayed: (client, messages) => draining.replayed(client, messages),
      howAreYou: (number) => this.#answer(fromNode, number),
      iAm: (number, said) => cluster.inquiry.heard(fromNode, number, said),
      linkAsk: (number, request) => links.relay.asked(fromNode, number, request),
      linkAnswer: (number, answer) => links.relay.answered(number, answer),
      occupancyAsk: (number, question) => occupancy.asked(fromNode, number, question),
      occupancyAnswer: (number, part) => occupancy.answered(fromNode, number, part),
      signOut: (user) => this.#rooms.pusher?.users.end(user),
      jobChanged: () => moving.jobs.runner.heard(),
      subscriptionCounts: (counts) => this.#rooms.pusher?.counts?.counted(counts),
      canary: (word) => cluster.canary.heard(word),
      trace: (follow) => sight.traces.asked(fromNode, follow),
      traced: (id, lines) => sight.traces.traced(id, lines),
      traceOver: (id) => sight.traces.traceOver(fromNode, id),
    })
  }

  #answer(fromNode: string, number: number): void {
    if (fromNode === this.#base.id) return
    const { stores, cluster, door } = this.#rooms
    const { state, role, degraded } = cluster.info()
    const isOpen = door?.isOpen ?? false
    send(stores.backbone, fromNode, { kind: 'iAm', number, state, role, degraded, door: isOpen })
  }
}
