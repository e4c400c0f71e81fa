import { describe, expect, it } from 'vitest'
import { Unauthorized } from '../../../src/client/errors.ts'
import { Tokens, type TokenSource } from '../../../src/client/tokens.ts'
import { ManualTime } from './manual-time.ts'
import { rejection } from './fixture.ts'

function tokensOf(source: TokenSource | undefined): {
  readonly tokens: Tokens
  readonly time: ManualTime
} {
  const time = new ManualTime()
  return { tokens: new Tokens(source, time), time }
}

/** A source that counts: `t1`, `t2`, … */
function counting(): { calls: number; readonly source: () => string } {
  const state = { calls: 0, source: () => `t${++state.calls}` }
  return state
}

/** A source whose answers the test gives. */
function waiting(): {
  readonly asked: { resolve: (token: string) => void; reject: (cause: unknown) => void }[]
  readonly source: () => Promise<string>
} {
  const asked: { resolve: (token: string) => void; reject: (cause: unknown) => void }[] = []
  return { asked, source: () => new Promise((resolve, reject) => asked.push({ resolve, reject })) }
}

describe('Tokens', () => {
  it('gives the same token again without asking the application', async () => {
    const { calls, source } = counting()
    const { tokens } = tokensOf(source)
    expect(calls).toBe(0)
    expect(await tokens.get()).toBe('t1')
    expect(await tokens.get()).toBe('t1')
  })

  it('asks the application again once the gateway has refused the token', async () => {
    const { tokens } = tokensOf(counting().source)
    expect(tokens.refuse(await tokens.get())).toBe(true)
    expect(await tokens.get()).toBe('t2')
  })

  it('keeps a token that was fetched while an older one was refused', async () => {
    const { tokens } = tokensOf(counting().source)
    const old = await tokens.get()
    await tokens.renew()
    tokens.refuse(old)
    expect(await tokens.get()).toBe('t2')
  })

  it('asks the application again once the token has expired', async () => {
    const { tokens, time } = tokensOf(counting().source)
    await tokens.get()
    tokens.expiresAtMs = time.nowMs + 1000
    await time.pass(999)
    expect(await tokens.get()).toBe('t1')
    await time.pass(1)
    expect(await tokens.get()).toBe('t2')
    expect(await tokens.get()).toBe('t2')
  })

  it('asks the application once for all who wait at the same time', async () => {
    const { asked, source } = waiting()
    const { tokens } = tokensOf(source)
    const all = [tokens.get(), tokens.renew(), tokens.get()]
    expect(asked.length).toBe(1)
    asked[0]?.resolve('t1')
    expect(await Promise.all(all)).toEqual(['t1', 't1', 't1'])
  })

  it('rejects all who wait with the same error, and asks again next time', async () => {
    const { asked, source } = waiting()
    const { tokens } = tokensOf(source)
    const all = [tokens.get(), tokens.get()].map(rejection)
    const cause = new Error('no session')
    asked[0]?.reject(cause)
    const errors = await Promise.all(all)
    expect(errors[0]).toMatchObject({
      code: 'handler',
      cause,
      message: 'the token function failed: no session',
    })
    expect(errors[1]).toBe(errors[0])
    void tokens.get()
    expect(asked.length).toBe(2)
  })

  it('a function that throws at once is a rejection too', async () => {
    const { tokens } = tokensOf(() => {
      throw new Error('no session')
    })
    expect(await rejection(tokens.get())).toMatchObject({ code: 'handler' })
  })

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    ['', '""'],
    [{ token: 'secret' }, 'object'],
  ])('a function that gives %j is told so, as a token that is refused', async (given, shown) => {
    const { tokens } = tokensOf(() => given as unknown as string)
    const error = await rejection(tokens.get())
    expect(error).toMatchObject({ code: 'unauthorized' })
    expect(error.message).toBe(`the token function gave no token, but ${shown}`)
  })

  it('a function that throws Unauthorized, of whichever copy of the module, says that nobody is logged in', async () => {
    const foreign = Object.assign(new Error('logged out'), { name: 'Unauthorized' })
    for (const cause of [new Unauthorized('logged out'), foreign]) {
      const { tokens } = tokensOf(() => Promise.reject(cause))
      const error = await rejection(tokens.get())
      expect(error).toMatchObject({ code: 'unauthorized', cause })
      expect(error.message).toContain('logged out')
    }
  })

  it.each([
    ['a token that is no function', 'fixed'],
    ['no token', undefined],
  ])('%s cannot be renewed', async (_what, source) => {
    const { tokens } = tokensOf(source)
    expect(await tokens.get()).toBe(source)
    expect(tokens.refuse(source)).toBe(false)
    expect(await tokens.renew()).toBe(source)
  })
})
