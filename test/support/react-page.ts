/** The page of `test/fixtures/react-app.mjs`, with the packages that are installed in a folder, and a server for it. */
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { build } from 'esbuild'
import { importText } from './doc-modules.ts'
import { ROOT } from './installed-packages.ts'

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
    const page = new ReactPage(await bundle(folder, 'browser'))
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

/** The page as a server makes it: with a client, and with the options of one. */
export async function renderedBy(
  folder: string,
  options: object,
  first: readonly object[],
): Promise<readonly [string, string]> {
  const made = await importText<Rendering>(await bundle(folder, 'node'))
  return made.rendered(options, first)
}

async function bundle(resolveDir: string, platform: 'browser' | 'node'): Promise<string> {
  const contents = readFileSync(new URL('../fixtures/react-app.mjs', import.meta.url), 'utf8')
  const { outputFiles } = await build({
    stdin: { contents, resolveDir },
    bundle: true,
    write: false,
    platform,
    format: platform === 'node' ? 'esm' : 'iife',
    // As while an application is developed: StrictMode mounts everything twice, and React complains where it can.
    define: { 'process.env.NODE_ENV': '"development"' },
    ...(platform === 'node' && {
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire('/')" },
    }),
  })
  return outputFiles[0]?.text ?? ''
}
