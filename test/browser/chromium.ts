import type { Browser, BrowserContext, Page } from 'playwright-core'
import { patientMs } from '../support/patience.ts'

/** How Debian's Chromium is started on a machine without a screen and without a network. */
export const CHROMIUM = {
  executablePath: '/usr/bin/chromium',
  headless: true,
  timeout: patientMs(60_000),
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
}

/** A page that is waited for as long as this machine needs. */
export async function newPage(browser: Browser | BrowserContext): Promise<Page> {
  const page = await browser.newPage()
  page.setDefaultTimeout(patientMs(60_000))
  return page
}
