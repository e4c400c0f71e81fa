/**
 * The streams of a group whose suffixes are equally long. What a message needs of each of them stands side by side: five thousand
 * streams are more than a cache holds, and each object of a stream that is looked at is a wait for memory, as long as a tenth of
 * the system call that follows.
 */
import type { StreamWriter } from '../drivers/uws.ts'

/** A stream as its group writes to it. */
export interface GroupMember {
  /** Where it is in its group: the lane, and the place in that, which are the lane's to set. */
  lane: Lane | undefined
  place: number
  /** Of it whole events are written in one system call, by whoever corks it. Asked for once. */
  readonly writer: StreamWriter | undefined
  /** So many bytes were written to it, or were not: what goes to all is counted once, and who comes and goes takes the difference. */
  carried(bytes: number): void
  /** Its peer does not read as fast. What was written is kept for it all the same. */
  behind(): void
  /** The group has written everything it had: the stream may write what is its own, join a group or leave it. */
  settle(): void
  /** Something of it has failed: it ends. */
  abandon(): void
}

const SUFFIXES_MIN = 16
/** What is copied at once, since a call for each stream costs more than the copy. */
const WORD = 4
/** As words are in memory on all machines that there is a native library for. */
const LITTLE_ENDIAN = true

/** What `write` is to write: set before `cork` is called, so that no write needs a closure. */
let writer: StreamWriter | undefined
const NO_BYTES = new Uint8Array()
let bytes: Uint8Array = NO_BYTES
let flows = true

function write(): void {
  flows = writer?.write(bytes) !== false
}

export class Lane {
  readonly suffixLength: number
  /** Where the next one begins: each begins with a word. */
  readonly #stride: number
  /** Each knows its place. Empty: it has gone while the lane was writing. */
  readonly #members: (GroupMember | undefined)[] = []
  readonly #writers: (StreamWriter | undefined)[] = []
  /** How each event ends on each of the streams: its own part of the cursor, and the empty line. */
  #suffixes: Int32Array
  #suffixBytes: Buffer
  #sentBytes = 0
  #writing = false
  #gone = 0

  constructor(suffixLength: number) {
    this.suffixLength = suffixLength
    this.#stride = Math.ceil(suffixLength / WORD) * WORD
    this.#suffixes = this.#room(SUFFIXES_MIN)
    this.#suffixBytes = bytesOf(this.#suffixes)
  }

  get size(): number {
    return this.#members.length - this.#gone
  }

  add(member: GroupMember, suffix: Uint8Array): void {
    const place = this.#members.push(member) - 1
    this.#writers.push(member.writer)
    member.lane = this
    member.place = place
    member.carried(-this.#sentBytes)
    this.#resize()
    this.change(member, suffix)
  }

  /** It is as long as the one before. */
  change(member: GroupMember, suffix: Uint8Array): void {
    this.#suffixBytes.set(suffix, member.place * this.#stride)
  }

  remove(member: GroupMember): void {
    member.lane = undefined
    member.carried(this.#sentBytes)
    this.#members[member.place] = undefined
    this.#writers[member.place] = undefined
    this.#gone++
    // While it writes nobody takes another place: one would get everything twice, or nothing.
    if (!this.#writing) this.#close(member.place)
  }

  /** Answers how many bytes left. */
  write(events: readonly Uint8Array[]): number {
    const writers = this.#writers
    const batch = new Batch(events, this.suffixLength)
    const { length } = batch.bytes
    this.#sentBytes += length
    this.#writing = true
    let written = 0
    try {
      // Who joins meanwhile has come after these events.
      for (let place = 0, end = writers.length; place < end; place++) {
        const one = writers[place]
        if (one === undefined) continue
        batch.end(this.#suffixes, (place * this.#stride) / WORD)
        writer = one
        bytes = batch.bytes
        one.cork(write)
        written += length
        if (!flows) this.#members[place]?.behind()
      }
    } finally {
      this.#writing = false
      writer = undefined
      bytes = NO_BYTES
      if (this.#gone > 0) this.#closeAll()
    }
    return written
  }

  /** The last one takes the place. */
  #close(place: number): void {
    this.#gone--
    const member = this.#members.pop()
    const last = this.#writers.pop()
    if (member !== undefined) {
      const words = this.#stride / WORD
      this.#suffixes.copyWithin(place * words, member.place * words, (member.place + 1) * words)
      this.#members[place] = member
      this.#writers[place] = last
      member.place = place
    }
    this.#resize()
  }

  #closeAll(): void {
    for (let place = this.#members.length - 1; place >= 0; place--)
      if (this.#members[place] === undefined) this.#close(place)
  }

  #resize(): void {
    const places = this.#suffixBytes.length / this.#stride
    const { length } = this.#members
    if (length <= places && (places <= SUFFIXES_MIN || length * 4 > places)) return
    const suffixes = this.#room(Math.max(SUFFIXES_MIN, length * 2))
    suffixes.set(this.#suffixes.subarray(0, (Math.min(places, length) * this.#stride) / WORD))
    this.#suffixes = suffixes
    this.#suffixBytes = bytesOf(suffixes)
  }

  #room(places: number): Int32Array {
    return new Int32Array((places * this.#stride) / WORD)
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

/**
 * The events of one turn in one piece, with room for a stream's suffix behind each. Only the suffixes differ between
 * streams, so for each stream they are written over those of the last one: no allocation, and one write.
 */
class Batch {
  readonly bytes: Buffer
  readonly #view: DataView
  readonly #suffixLength: number
  /** Where the suffix of each event goes. */
  readonly #places: number[] = []
  /** That place, of one event alone: it begins with a word, and may be longer than the suffix. */
  readonly #words: Int32Array | undefined

  constructor(events: readonly Uint8Array[], suffixLength: number) {
    this.#suffixLength = suffixLength
    let length = 0
    for (const event of events) length += event.length + suffixLength
    const room = Buffer.allocUnsafe(length + 2 * WORD)
    const lead = events.length === 1 ? beforeWord(room.byteOffset + length - suffixLength) : 0
    this.bytes = room.subarray(lead, lead + length)
    const { buffer, byteOffset } = this.bytes
    this.#view = new DataView(buffer, byteOffset, length)
    let at = 0
    for (const event of events) {
      this.bytes.set(event, at)
      at += event.length
      this.#places.push(at)
      at += suffixLength
    }
    if (events.length === 1)
      this.#words = new Int32Array(buffer, byteOffset + length - suffixLength, Math.ceil(suffixLength / WORD))
  }

  /**
   * Each event with the suffix whose words begin there. By hand, since a part of a buffer would be an object for each stream. Most often it is
   * one event, which is put so that words can be copied: half of what a `DataView` takes.
   */
  end(suffixes: Int32Array, from: number): void {
    const words = this.#words
    if (words === undefined) {
      this.#endEach(suffixes, from)
      return
    }
    for (let word = 0, { length } = words; word < length; word++)
      words[word] = suffixes[from + word] as number
  }

  #endEach(suffixes: Int32Array, from: number): void {
    const view = this.#view
    const whole = Math.floor(this.#suffixLength / WORD)
    const rest = this.#suffixLength % WORD
    for (const place of this.#places) {
      for (let word = 0; word < whole; word++)
        view.setInt32(place + word * WORD, suffixes[from + word] as number, LITTLE_ENDIAN)
      for (let byte = 0, last = suffixes[from + whole] as number; byte < rest; byte++)
        view.setUint8(place + whole * WORD + byte, last >>> (byte * 8))
    }
  }
}

/** How many bytes are missing to the next word. */
function beforeWord(at: number): number {
  return (WORD - (at % WORD)) % WORD
}
