/**
 * The one thing that a node says to Kubernetes: an annotation of its own pod, by the service account of the pod. Its token and
 * the CA are read each time, since Kubernetes replaces them while the pod runs.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { askHttp } from './http-client.ts'

/** An API server that says nothing is asked again later. */
const TIMEOUT_MS = 5000
const ANSWER_BYTES_MAX = 1_048_576

export interface OwnPod {
  /** Of the API server. */
  readonly url: string
  /** The folder of the service account: `token`, `ca.crt`, `namespace`. */
  readonly credentials: string
  readonly name: string
}

/** Fails with a sentence for operators: what went wrong and what to do, and nothing of the token. */
export async function annotateOwnPod(
  { url, credentials, name }: OwnPod,
  annotations: Readonly<Record<string, string>>,
): Promise<void> {
  const of = (file: string): Promise<string> => readCredential(join(credentials, file))
  const [token, ca, namespace] = await Promise.all([of('token'), of('ca.crt'), of('namespace')])
  const pod = `/api/v1/namespaces/${encodeURIComponent(namespace.trim())}/pods/${encodeURIComponent(name)}`
  const { status } = await askHttp({
    url: `${url}${pod}`,
    method: 'PATCH',
    headers: {
      authorization: `Bearer ${token.trim()}`,
      'content-type': 'application/merge-patch+json',
      // Of the pod nothing else is of interest.
      accept: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
    },
    body: JSON.stringify({ metadata: { annotations } }),
    ca,
    timeoutMs: TIMEOUT_MS,
    answerBytesMax: ANSWER_BYTES_MAX,
  }).catch((error: unknown) => {
    const code = codeOf(error)
    const remedy = /CERT|VERIFY|SIGNED|ISSUER/.test(code)
      ? 'ca.crt of the service account does not know its certificate'
      : 'nodes must be let to it by the NetworkPolicy'
    throw new Error(`${url} gives no answer (${code}); ${remedy}`, { cause: error })
  })
  if (status >= 200 && status < 300) return
  throw new Error(`${url} answers ${status}: ${REMEDIES[status] ?? 'see the log of the API server'}`)
}

const REMEDIES: Readonly<Record<number, string>> = {
  401: 'it does not know the token of the service account',
  403: 'the service account may not patch pods; deploy/kubernetes/components/deletion-cost has what it needs',
  404: 'it has no such pod; SLUICE_POD_NAME is the metadata.name of the pod',
}

async function readCredential(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new Error(
      `${file} cannot be read (${codeOf(error)}); the pod needs automountServiceAccountToken: true`,
      {
        cause: error,
      },
    )
  }
}

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? (error as Error).message
}
