import { createHmac, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Hmac } from '../../src/hmac.ts'

// A block has 64 bytes; the scratch begins with 1 kB and is kept up to 128 kB.
const KEY_BYTES = [1, 32, 63, 64, 65, 200]
const TEXT_BYTES = [0, 1, 200, 1024, 1025, 16_384, 200_000, 10]

describe('the short way to HMAC-SHA256', () => {
  it.each(KEY_BYTES)('says what createHmac says, with a key of %d bytes', (keyBytes) => {
    const key = randomBytes(keyBytes)
    const hmac = new Hmac(key)
    for (const bytes of TEXT_BYTES.map((length) => randomBytes(length))) {
      expect(hmac.of(bytes, 'base64url')).toBe(createHmac('sha256', key).update(bytes).digest('base64url'))
      expect(hmac.of(bytes, 'binary')).toBe(createHmac('sha256', key).update(bytes).digest('binary'))
    }
  })

  it('takes a text as its UTF-8', () => {
    const key = randomBytes(32)
    for (const text of ['', 'plain', 'ü€😀'.repeat(400), '\uD800'])
      expect(new Hmac(key).of(text, 'base64url')).toBe(
        createHmac('sha256', key).update(text).digest('base64url'),
      )
  })
})
