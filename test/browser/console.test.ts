import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Fleet, type FleetNode } from '../support/fleet.ts'
import { patientDuration, patientMs } from '../support/patience.ts'
import { RawClient } from '../support/raw-client.ts'
import { Traffic } from '../support/traffic.ts'
import type { JobView } from '../../src/drain/job-view.ts'
import { CHROMIUM, newPage } from './chromium.ts'

/**
 * The operators' console over a real cluster of two versions, with clients of all transports, while one node is drained. With
 * CONSOLE_SCREENSHOTS, a folder, it leaves pictures there.
 */

const CLIENTS = 30
const SCREENSHOTS = process.env['CONSOLE_SCREENSHOTS']
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let fleet: Fleet
let traffic: Traffic | undefined
let browser: Browser
let page: Page
let old: FleetNode
let fresh: FleetNode
/** Who has not moved when the first drain is cancelled. */
let staying = CLIENTS
const problems: string[] = []
const asked: string[] = []

beforeAll(async () => {
  execFileSync(process.execPath, [fileURLToPath(new URL('../../scripts/build.mjs', import.meta.url))])
  fleet = await Fleet.start({
    nodes: 2,
    started: 0,
    settings: {
      drain: { deregisterDelay: '300ms', grace: patientDuration(10_000), linger: '300ms' },
    },
  })
  ;[old, fresh] = fleet.nodes as [FleetNode, FleetNode]
  await old.start({ node: { version: '1.4.0', region: 'eu' } })
  traffic = await Traffic.start(fleet, {
    clients: CLIENTS,
    channels: ['room:1', 'room:2'],
    perSecond: 20,
    kinds: ['sdk', 'sse'],
  })
  await fresh.start({ node: { version: '1.5.0', region: 'eu' } })
  browser = await chromium.launch(CHROMIUM)
  page = await newPage(browser)
  await page.setViewportSize({ width: 1280, height: 900 })
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => {
    // What the node refuses, and that it is away, is an error to the browser, too.
    if (message.type() === 'error' && !/status of 4\d\d|ERR_/.test(message.text()))
      problems.push(message.text())
  })
  page.on('request', (request) => asked.push(request.url()))
  // Asked for at the node that stays.
  await page.goto(`http://127.0.0.1:${fresh.apiPort}/`)
})
afterAll(async () => {
  if (browser !== undefined) await picture('last')
  await browser?.close()
  await traffic?.close()
  await fleet?.close()
})

async function picture(name: string): Promise<void> {
  if (SCREENSHOTS !== undefined)
    await page.screenshot({ path: `${SCREENSHOTS}/console-${name}.png`, fullPage: true })
}

/** What axe-core finds wrong, in a line each. The page's policy lets no script in, so it comes by the debugger's way. */
async function barriers(): Promise<string[]> {
  await page.evaluate(AXE)
  const found = (await page.evaluate('axe.run()')) as {
    readonly violations: readonly {
      readonly id: string
      readonly nodes: readonly { readonly html: string }[]
    }[]
  }
  return found.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
}

const view = (name: string): Promise<void> => page.click(`nav a:text-is("${name}")`)
const story = (): Promise<string> => page.innerText('.story')
const nodeCard = (version: string) => page.locator('.node', { hasText: version })

async function clientsOf(version: string): Promise<number> {
  return Number(await nodeCard(version).locator('.clients b').innerText())
}

describe('the console', () => {
  it('asks for a key, says when the node refuses it, and shows nothing without', async () => {
    await page.locator('#key').waitFor()
    expect(await barriers()).toEqual([])
    await page.fill('#key', 'not-a-key-of-this-node')
    await page.keyboard.press('Enter')
    await page.locator('#key-fault', { hasText: 'The node refuses this key' }).waitFor()
    expect(await page.locator('.node').count()).toBe(0)
    await picture('refused')
    await page.fill('#key', fresh.apiKey)
    await page.keyboard.press('Enter')
    await page.locator('.badge', { hasText: /^live$/ }).waitFor()
  })

  it('shows the nodes with their versions, who is on them, and how fast messages go, as they change', async () => {
    await expect.poll(() => clientsOf('1.4.0')).toBe(CLIENTS)
    await expect.poll(() => clientsOf('1.5.0')).toBe(0)
    expect(await page.innerText('.versions')).toMatch(/1\.5\.0\s*clients go here/)
    for (const title of ['Clients', 'Rates', 'Latency'])
      await page.locator(`.chart [role=img][aria-label^="${title}"] canvas`).waitFor()
    await expect
      .poll(() => page.getAttribute('.chart [role=img][aria-label^="Rates"]', 'aria-label'))
      .toMatch(/delivered [1-9]/)
    await expect
      .poll(() => page.getAttribute('.chart [role=img][aria-label^="Latency"]', 'aria-label'))
      .toMatch(/p99 [\d.]+ /)
    expect(await page.innerText('h1')).toBe(`All is well: 2 nodes serve ${CLIENTS} clients.`)
    expect(await barriers()).toEqual([])
    await picture('before')
  })

  it('looks a channel up, publishes to it, and follows it, markup being text', async () => {
    await view('Channels')
    await page.fill('#channel', 'room:9')
    await page.keyboard.press('Enter')
    await page.locator('#channel-title', { hasText: 'room:9' }).waitFor()
    await page.locator('.card [role=status]', { hasText: 'live' }).waitFor()
    await page.fill('#data', '<img src=x onerror=alert(1)>')
    await page.click('form:has(#data) button')
    await page.locator('.tail li', { hasText: '"<img src=x onerror=alert(1)>"' }).waitFor()
    expect(await page.locator('.tail img').count()).toBe(0)
    await page.fill('#data', '{"price":42}')
    await page.click('form:has(#data) button')
    await page.locator('.tail li', { hasText: '{"price":42}' }).waitFor()
    expect(await barriers()).toEqual([])
    await picture('channel')
  })

  it('looks a user up, and says what the node says where that is wrong', async () => {
    await view('Users')
    await page.fill('#user', 'user-0')
    await page.keyboard.press('Enter')
    await page.locator('.sessions li', { hasText: '1.4.0' }).first().waitFor()
    expect(await barriers()).toEqual([])
    // The flight recorder: what comes to him, wherever he is, and what it says.
    await page.check('text=with payloads')
    await page.click('button:text-is("Follow")')
    await page.locator('.trace li', { hasText: 'is connected by websocket' }).waitFor()
    await page.fill('#data', '"to him alone"')
    await page.click('form:has(#data) button')
    await page.locator('.trace li', { hasText: 'to him alone' }).waitFor()
    expect(await page.innerText('.trace li:has-text("to him alone")')).toMatch(
      /got @inbox #\d+, written after/,
    )
    expect(await barriers()).toEqual([])
    await picture('user')
    await page.click('button:text-is("Stop")')
    await view('Channels')
    await page.fill('#channel', 'two words')
    await page.keyboard.press('Enter')
    await page.locator('form[role=search] .fault', { hasText: 'not valid' }).waitFor()
  })

  it('ends all connections of a user, once it is sure of it', async () => {
    const url = `ws://127.0.0.1:${old.port}/v1/ws`
    const { client } = await RawClient.connect(url, { token: await fleet.token('mallory') })
    await view('Users')
    await page.fill('#user', 'mallory')
    await page.keyboard.press('Enter')
    await page.locator('.card', { hasText: 'Has 1 session.' }).waitFor()
    await page.click('button:text-is("Disconnect")')
    await page.locator('.sure', { hasText: 'End all connections of mallory?' }).waitFor()
    expect(await barriers()).toEqual([])
    await page.click('button:text-is("No")')
    expect(client.isOpen).toBe(true)
    await page.click('button:text-is("Disconnect")')
    await page.click('button:text-is("Yes")')
    expect((await client.closed).code).toBe(4403)
    await page.locator('[role=status]', { hasText: '1 connection ended.' }).waitFor()
    // What the page has read at once may be of before.
    await expect
      .poll(async () => {
        await page.click('button:text-is("Look again")')
        return page.innerText('.card:has(#user-title)')
      })
      .toContain('Is not connected, and no session of his waits')
    expect(await page.locator('.sessions li').count()).toBe(0)
  })

  it('says what a drain would do before it does it, and cancels it: who has not moved stays', async () => {
    await beginDrain('10m', 'too soon', new RegExp(`\\b${CLIENTS} clients would move to 1 node`))
    await page.click('.job button:text-is("Cancel")')
    await page.click('.job button:text-is("No")')
    await page.locator('.job', { hasText: 'too soon' }).waitFor()
    await page.click('.job button:text-is("Cancel")')
    await page.click('.job button:text-is("Yes")')
    await page.locator('.job').waitFor({ state: 'detached' })
    await page.locator('.reports summary', { hasText: 'cancelled' }).waitFor()
    expect((await newestJob()).state).toBe('cancelled')
    await view('Cluster')
    await page.locator('.story li', { hasText: 'was cancelled after' }).waitFor()
    await expect.poll(async () => (await clientsOf('1.4.0')) + (await clientsOf('1.5.0'))).toBe(CLIENTS)
    staying = await clientsOf('1.4.0')
    expect(staying).toBeGreaterThan(CLIENTS / 2)
    expect(await old.ready()).toBe(true)
  })

  it('begins a drain, holds it, and changes its pace', async () => {
    await beginDrain('10m', 'deploy of 1.5.0', /\b\d+ clients would move to 1 node/)
    await page.click('.job button:text-is("Pause")')
    await page.locator('.job', { hasText: 'Paused by an operator' }).waitFor()
    expect(await barriers()).toEqual([])
    await view('Cluster')
    await page.locator('.job .badge', { hasText: 'paused' }).waitFor()
    // Who had been asked before the cancel may have gone after it was read how many stay.
    const begun = /began to drain node .*\b(\d+) clients, plan 10m: “deploy of 1\.5\.0”/.exec(await story())
    expect(Number(begun?.[1])).toBeGreaterThan(CLIENTS / 2)
    expect(Number(begun?.[1])).toBeLessThanOrEqual(staying)
    expect(await story()).toContain('paused by an operator')
    await picture('held')
    await page.fill('.job input', '20m')
    await page.click('.job button:text-is("Change")')
    await page.locator('.story li', { hasText: 'the plan is 20m now' }).waitFor()
    await page.click('.job button:text-is("Go on")')
    await page.locator('.story li', { hasText: 'goes on' }).waitFor()
  })

  it('asks everybody to go now, where twenty minutes are too long', async () => {
    await page.click('.job button:text-is("Everybody now")')
    await page.locator('.sure', { hasText: 'Ask everybody to go now?' }).waitFor()
    expect(await barriers()).toEqual([])
    await page.click('.job button:text-is("Yes")')
    await page.locator('.sure').waitFor({ state: 'detached' })
    await expect.poll(() => clientsOf('1.5.0')).toBe(CLIENTS)
  })

  it('tells what moved and what was proven when it is over, and keeps the report', async () => {
    await expect.poll(() => clientsOf('1.5.0')).toBeGreaterThan(0)
    await picture('during')
    await page.locator('.story li', { hasText: 'is done after' }).waitFor({ timeout: patientMs(60_000) })
    const moved = /\b(\d+) of \1 clients moved/.exec(await story())
    expect(Number(moved?.[1])).toBeGreaterThan(CLIENTS / 2)
    expect(await story()).toContain('nobody was cut off')
    await expect.poll(() => nodeCard('1.4.0').count()).toBe(0)
    await expect.poll(() => clientsOf('1.5.0')).toBe(CLIENTS)
    expect(await page.innerText('h1')).toContain('All is well')
    expect(await barriers()).toEqual([])
    await picture('after')
    await view('Drains')
    const newest = page.locator('.reports li:has(summary)').first()
    await newest.locator('summary').click()
    await newest.locator('.report table').waitFor()
    const told = (await newest.locator('.report tr', { hasText: 'told' }).innerText()).match(/\d+/)?.[0]
    expect(told).toBe(String((await newestJob()).told))
    expect(await barriers()).toEqual([])
    await picture('report')
    await traffic?.stopPublishing()
    await expect.poll(() => traffic?.missing).toBe(0)
  })

  it('fits a phone, in the dark', async () => {
    await page.emulateMedia({ colorScheme: 'dark' })
    await page.setViewportSize({ width: 390, height: 844 })
    for (const name of ['Cluster', 'Drains', 'Channels', 'Users']) {
      await view(name)
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), name).toBe(true)
      expect(await barriers()).toEqual([])
      await picture(`phone-${name.toLowerCase()}`)
    }
    await page.setViewportSize({ width: 1280, height: 900 })
    await view('Cluster')
    await picture('dark')
  })

  it('is used by keyboard alone: each view is reached, and its title has the focus', async () => {
    await page.reload()
    await page.locator('.badge', { hasText: /^live$/ }).waitFor()
    await page.keyboard.press('Tab')
    expect(await page.evaluate('document.activeElement.className')).toBe('skip')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await page.locator('h1', { hasText: 'Drains' }).waitFor()
    // The focus follows once the view has been painted.
    await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('view-title')
  })

  it('keeps the key for this tab only, and in no address', async () => {
    await page.reload()
    await page.locator('.badge', { hasText: /^live$/ }).waitFor()
    expect(await page.evaluate('Object.keys(localStorage).length + document.cookie.length')).toBe(0)
    expect(asked.filter((url) => url.includes(fresh.apiKey))).toEqual([])
    // Nothing comes from elsewhere, and the cluster is not asked for in a loop.
    expect(asked.filter((url) => !url.startsWith(`http://127.0.0.1:${fresh.apiPort}/`))).toEqual([])
    expect(asked.filter((url) => url.endsWith('/v1/nodes'))).toEqual([])
    const other = await newPage(browser)
    await other.goto(`http://127.0.0.1:${fresh.apiPort}/`)
    await other.locator('#key').waitFor()
    await other.close()
  })

  it('says that the node is away and what is shown is old, and goes on when it is back', async () => {
    await view('Cluster')
    await nodeCard('1.5.0').waitFor()
    await traffic?.close()
    traffic = undefined
    await fresh.kill()
    await page.locator('h1', { hasText: 'nothing has been heard since' }).waitFor()
    await page.locator('.banner', { hasText: 'Nothing is heard of the node' }).waitFor()
    await page.locator('.badge', { hasText: 'not connected' }).waitFor()
    expect(await page.locator('.node').count()).toBe(1)
    expect(await barriers()).toEqual([])
    await picture('away')
    await fresh.start({ node: { version: '1.5.1' } })
    await page.locator('.badge', { hasText: /^live$/ }).waitFor()
    await page.locator('.banner').waitFor({ state: 'detached' })
    await nodeCard('1.5.1').waitFor()
  })

  it('has had no error of its own, and broke no rule of its policy', () => {
    expect(problems).toEqual([])
  })
})

/** Of the node of 1.4.0, once it has been said what it would do to so many clients. */
async function beginDrain(plan: string, reason: string, forecast: RegExp): Promise<void> {
  await view('Drains')
  await page.locator('.choice label', { hasText: '1.4.0' }).locator('input').check()
  await page.fill('#plan', plan)
  await page.fill('#reason', reason)
  // Nodes tell one another how many they have now and then: at first it may be said of a moment before.
  await expect
    .poll(async () => {
      await page.click('button:text-is("What would happen?")')
      return page.innerText('.forecast')
    })
    .toMatch(forecast)
  await picture('forecast')
  await page.click('button:text-is("Start the drain")')
  await page.locator('.job').waitFor()
}

async function newestJob(): Promise<JobView> {
  const { jobs } = (await (await fresh.api('GET', '/v1/drains')).json()) as {
    jobs: readonly { id: string }[]
  }
  const answer = await fresh.api('GET', `/v1/drains/${jobs[0]?.id ?? ''}`)
  return ((await answer.json()) as { job: JobView }).job
}
