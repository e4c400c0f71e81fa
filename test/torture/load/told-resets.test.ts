import { describe, expect, it } from 'vitest'
import { ToldResets } from './told-resets.ts'

const reset = { epoch: 'f', offset: 5, reason: 'epoch' }

describe('a reset that the application is told of later', () => {
  it('lies before the first message that is shown behind it, and is owed until the application is told', () => {
    const resets = new ToldResets()
    resets.came('news', reset)
    expect(resets.before('news', { epoch: 'e', offset: 9 })).toBeUndefined()
    expect(resets.owed).toEqual([])
    expect(resets.before('news', { epoch: 'f', offset: 6 })).toEqual(reset)
    expect(resets.before('news', { epoch: 'f', offset: 7 })).toBeUndefined()
    expect(resets.owed).toEqual(['news'])
    expect(resets.told('news', reset)).toBeUndefined()
    expect(resets.owed).toEqual([])
  })

  it('counts from when the application is told where no message came before that', () => {
    const resets = new ToldResets()
    resets.came('news', reset)
    expect(resets.told('news', reset)).toEqual(reset)
    expect(resets.before('news', { epoch: 'f', offset: 6 })).toBeUndefined()
    expect(resets.owed).toEqual([])
  })

  it('is told once for several: the word for the last one covers those before', () => {
    const resets = new ToldResets()
    resets.came('news', reset)
    resets.before('news', { epoch: 'f', offset: 6 })
    const later = { epoch: 'g', offset: 0, reason: 'epoch' }
    resets.came('news', later)
    expect(resets.told('news', later)).toEqual(later)
    expect(resets.owed).toEqual([])
  })
})
