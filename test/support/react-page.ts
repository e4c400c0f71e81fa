/** The page of `test/fixtures/react-app.mjs`, with the packages that are installed in a folder, and a server for it. */
import { copyFileSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { ROOT } from './installed-packages.ts'

const APP = new URL('../fixtures/react-app.mjs', import.meta.url)

interface Rendering {
  rendered(options: object, first: readonly object[]): readonly [string, string]
}

export class ReactPage {
  readonly #server: Server
  #pages = 0
  /** What is there beside the page, by its path. */
  readonly files: Map<string, string>
  /** What a server has rendered, for the next page. `/doc` is the page of `/doc.js`, and so on. */
  html = ''

  private constructor(script: string) {
    this.files = new Map([['/app.js', script]])
    this.#server = createServer(({ url: asked = '/' }, response) => {
      const [url = ''] = asked.split('?')
      const file = this.files.get(url)
      if (url === '/table') {
        response.writeHead(file === undefined ? 503 : 200).end(file)
        return
      }
      const [, name = 'app'] = /^\/(\w+)$/.exec(url) ?? []
      const html = `<!doctype html><div id="root">${this.html}</div><script src="/${name}.js"></script>`
      response
        .setHeader('content-type', file === undefined ? 'text/html' : 'text/javascript')
        .end(file ?? html)
    })
  }

  static async serve(folder = ROOT): Promise<ReactPage> {
    const page = new ReactPage(await bundle(folder))
    await new Promise<void>((resolve) => page.#server.listen(0, '127.0.0.1', resolve))
    return page
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Another one each time: a page whose hash alone changes is not loaded again. */
  address(options: object): string {
    return `${this.origin}/?${this.#pages++}#${encodeURIComponent(JSON.stringify(options))}`
  }

  close(): void {
    this.#server.close()
  }
}

/** The page as a server makes it, with the packages of a folder: with a client, and with the options of one. */
export async function renderedBy(
  folder: string,
  options: object,
  first: readonly object[],
): Promise<readonly [string, string]> {
  const file = join(folder, 'node_modules', `.react-app-${process.pid}.mjs`)
  copyFileSync(APP, file)
  try {
    const made = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as Rendering
    return made.rendered(options, first)
  } finally {
    rmSync(file)
  }
}

async function bundle(resolveDir: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: readFileSync(APP, 'utf8'), resolveDir },
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'iife',
    // As while an application is developed: StrictMode mounts everything twice, and React complains where it can.
    define: { 'process.env.NODE_ENV': '"development"' },
  })
  return outputFiles[0]?.text ?? ''
}
