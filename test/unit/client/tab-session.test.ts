import { describe, expect, it } from 'vitest'
import { TabSession, type Frame, type Relay } from '../../../src/client/tab-session.ts'
import type { WelcomeFrame } from '../../../src/dialect/sluice-v1/frames.ts'
import { settled } from './manual-time.ts'

/** A tab whose frames are answered by a client that the test plays. */
function tabOf(client: Partial<Relay>): { readonly tab: TabSession; readonly heard: Frame[] } {
  const heard: Frame[] = []
  const tab = new TabSession(client as Relay, {} as WelcomeFrame, (frame) => heard.push(frame))
  return { tab, heard }
}

describe('a publish of a tab', () => {
  it('is answered with all that the gateway says: what a backend answers to a request too', async () => {
    const asked: unknown[] = []
    const { tab, heard } = tabOf({
      relayPublish: (...words) => {
        asked.push(words)
        return Promise.resolve({ type: 'published', ref: 99, data: { sum: 6 } })
      },
    })
    tab.receive({ type: 'publish', ref: 4, channel: 'ask:sum', data: [1, 2, 3], id: 'a', event: 'sum' })
    await settled()
    expect(asked).toEqual([['ask:sum', [1, 2, 3], { id: 'a', event: 'sum' }]])
    expect(heard).toEqual([{ type: 'published', ref: 4, data: { sum: 6 } }])
  })
})
