import { Transform, type TransformCallback } from 'node:stream'

/**
 * The direction from a NATS server to its client, of which messages (MSG, HMSG) can be left out while all else passes: PONG to
 * each PING, so the connection looks well. As a permission does that was taken away.
 */
export class NatsMessages extends Transform {
  readonly #drops: () => boolean
  #rest = Buffer.alloc(0)

  constructor(drops: () => boolean) {
    super()
    this.#drops = drops
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let bytes = Buffer.concat([this.#rest, chunk])
    for (;;) {
      const end = bytes.indexOf('\r\n')
      if (end === -1) break
      const line = bytes.subarray(0, end).toString()
      const isMessage = /^H?MSG /.test(line)
      const length = end + 2 + (isMessage ? Number(line.split(' ').at(-1)) + 2 : 0)
      if (bytes.length < length) break
      if (!isMessage || !this.#drops()) this.push(bytes.subarray(0, length))
      bytes = bytes.subarray(length)
    }
    this.#rest = bytes
    done()
  }
}
