import { describe, expect, it } from 'vitest'
import { Cursor } from '../../../src/client/cursor.ts'

/** A track that is live at offset 5 of epoch `e`. */
function live(): Cursor {
  const track = new Cursor(undefined)
  track.starts({ epoch: 'e', offset: 5, recovered: false })
  return track
}

describe('Cursor', () => {
  it('T1 shows what is beyond the position, once', () => {
    const track = live()
    expect([6, 6, 9, 7, 9, 10].map((offset) => track.shows(offset))).toEqual([
      true,
      false,
      true,
      false,
      false,
      true,
    ])
    expect(track.position).toEqual({ epoch: 'e', offset: 10 })
  })

  it('T1 a replay from before the position shows nothing again', () => {
    const track = live()
    track.shows(6)
    track.shows(7)
    track.starts({ epoch: 'e', offset: 5, recovered: true })
    expect([6, 7, 8].map((offset) => track.shows(offset))).toEqual([false, false, true])
  })

  it('T2 shows nothing before the gateway has said where it starts', () => {
    const track = new Cursor({ epoch: 'e', offset: 5 })
    expect(track.shows(6)).toBe(false)
    expect(track.shows(undefined)).toBe(false)
    track.starts({ epoch: 'e', offset: 5, recovered: true })
    expect(track.shows(6)).toBe(true)
  })

  it('T3 a position that could not be recovered stays until the reset, so that a cut in between hides nothing', () => {
    const track = live()
    track.starts({ epoch: 'f', offset: 90, recovered: false })
    expect(track.position).toEqual({ epoch: 'e', offset: 5 })
    track.reset({ epoch: 'f', offset: 90 })
    expect(track.position).toEqual({ epoch: 'f', offset: 90 })
    expect(track.shows(91)).toBe(true)
  })

  it('T3 a reset may lead back: what comes after it is shown', () => {
    const track = live()
    track.reset({ epoch: 'e', offset: 2 })
    expect(track.shows(3)).toBe(true)
  })

  it('T3 a stream of an epoch that the client has left goes on where the gateway says', () => {
    const track = live()
    track.reset({ epoch: 'f', offset: 90 })
    track.starts({ epoch: 'e', offset: 5, recovered: true })
    expect(track.shows(6)).toBe(true)
  })

  it('an ephemeral channel has no position and shows everything', () => {
    const track = new Cursor(undefined)
    track.starts({ recovered: false })
    expect([undefined, undefined].map((offset) => track.shows(offset))).toEqual([true, true])
    expect(track.position).toBeUndefined()
  })

  it('a channel that has become ephemeral loses its position', () => {
    const track = live()
    track.starts({ recovered: false })
    expect(track.position).toBeUndefined()
    expect(track.shows(undefined)).toBe(true)
  })

  it('a message without a place in the log is shown and moves nothing', () => {
    const track = live()
    expect(track.shows(undefined)).toBe(true)
    expect(track.position).toEqual({ epoch: 'e', offset: 5 })
  })

  it('a position does not change the one that was given', () => {
    const given = { epoch: 'e', offset: 5 }
    const track = new Cursor(given)
    track.starts({ ...given, recovered: true })
    track.shows(6)
    expect(given.offset).toBe(5)
  })
})
