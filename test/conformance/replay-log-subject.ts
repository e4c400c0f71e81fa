import { afterAll, beforeAll, expect, it } from 'vitest'
import { patientMs } from '../support/patience.ts'
import type { Position } from '../../src/protocol/position.ts'
import type { LoggedMessage, NewMessage } from '../../src/protocol/message.ts'
import type { Appended, LogPolicy, LogRange, ReplayLog } from '../../src/replay/replay-log.ts'

/** A store and two of its clients, as two nodes have them. */
export interface ReplayLogFixture {
  /** Read anew after `lose`: an implementation whose client does not outlive its store brings another one. */
  readonly one: ReplayLog
  readonly other: ReplayLog
  /** Lets time pass for the store: on its own clock, or by waiting. */
  advance(ms: number): Promise<void>
  /** The store loses all that it has, as after a restart without a copy on disk; resolves once both clients can use it again. */
  lose(): Promise<void>
  close(): Promise<void>
}

/** Opens an empty store with a policy. */
export type OpenReplayLog = (policy: LogPolicy) => Promise<ReplayLogFixture>

/** What an implementation cannot do: the name of the test, and why. */
export type Skips = Readonly<Record<string, string>>

const PATIENCE_MS = patientMs(30_000)
const STEP_MS = 100
/** More than any test appends. */
export const ALL = 10_000

/** The log that a suite examines, and what its tests do with it again and again. */
export class ReplayLogSubject {
  readonly #name: string
  readonly #open: OpenReplayLog
  readonly #skips: Skips
  #fixture: ReplayLogFixture | undefined
  #policy: LogPolicy | undefined
  #channels = 0

  constructor(name: string, open: OpenReplayLog, skips: Skips) {
    this.#name = name
    this.#open = open
    this.#skips = skips
  }

  get open(): OpenReplayLog {
    return this.#open
  }

  get fixture(): ReplayLogFixture {
    if (this.#fixture === undefined) throw new Error('using() comes first')
    return this.#fixture
  }

  get one(): ReplayLog {
    return this.fixture.one
  }

  get other(): ReplayLog {
    return this.fixture.other
  }

  get policy(): LogPolicy {
    if (this.#policy === undefined) throw new Error('using() comes first')
    return this.#policy
  }

  /** The tests of this block share one store with this policy. */
  using(policy: LogPolicy): void {
    beforeAll(async () => {
      this.#policy = policy
      this.#fixture = await this.#open(policy)
    })
    afterAll(() => this.#fixture?.close())
  }

  fact(title: string, run: () => Promise<void>): void {
    const reason = this.#skips[title]
    if (reason === undefined) it(title, run)
    else it.skip(`${title} (${reason})`, run)
  }

  /** A name that no other test uses. */
  fresh(): string {
    return `log:${this.#name.toLowerCase().replaceAll(/[^a-z]/g, '-')}:${++this.#channels}`
  }

  async append(channel: string, data: string, more: Partial<NewMessage> = {}): Promise<Appended> {
    return this.one.append(channel, message(data, more), this.policy)
  }

  /** Appends `0`, `1`, `2` … one after the other. */
  async appendAll(channel: string, count: number): Promise<Appended[]> {
    const appended: Appended[] = []
    for (let i = 0; i < count; i++) appended.push(await this.append(channel, String(i)))
    return appended
  }

  /** Lets time pass until it is so. */
  async until(what: string, reached: () => Promise<boolean>): Promise<void> {
    for (let passedMs = 0; passedMs <= PATIENCE_MS; passedMs += STEP_MS) {
      if (await reached()) return
      await this.fixture.advance(STEP_MS)
    }
    expect.unreachable(`not within ${PATIENCE_MS} ms: ${what}`)
  }
}

/** The messages follow the position and one another. */
export function expectChain(messages: readonly LoggedMessage[], start: Position): void {
  let here = start
  for (const one of messages) {
    expect({ epoch: one.epoch, previous: one.previous }).toEqual({ epoch: here.epoch, previous: here.offset })
    expect(one.offset).toBeGreaterThan(one.previous)
    here = one
  }
}

export function messagesOf(range: LogRange): readonly LoggedMessage[] {
  if (range.kind === 'lost') expect.unreachable(`a range was expected, not ${range.why}`)
  return range.messages
}

export function message(data: string, more: Partial<NewMessage> = {}): NewMessage {
  return { data: bytes(data), binary: false, id: undefined, time: 1_700_000_000_000, ...more }
}

export function bytes(content: string): Uint8Array {
  return new TextEncoder().encode(content)
}

export function text(data: Uint8Array): string {
  return new TextDecoder().decode(data)
}

export function positionOf(position: Position | undefined): Position {
  if (position === undefined) expect.unreachable('a position was expected')
  return { epoch: position.epoch, offset: position.offset }
}
