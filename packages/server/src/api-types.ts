/** Made by `npm run types:api` from the description of the API: change that, not this. */
export interface paths {
  '/v1/publish': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    get?: never
    put?: never
    /** Publish one message, or an array of them */
    post: {
      parameters: {
        query?: never
        header?: never
        path?: never
        cookie?: never
      }
      requestBody: {
        content: {
          'application/json': components['schemas']['Message'] | components['schemas']['Message'][]
        }
      }
      responses: {
        /** @description A result for each message, in order. */
        200: {
          headers: {
            [name: string]: unknown
          }
          content: {
            'application/json': components['schemas']['Result'] | components['schemas']['Result'][]
          }
        }
      }
    }
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/channels/{channel}': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** The position of a channel, and how many are subscribed */
    get: {
      parameters: {
        query?: never
        header?: never
        path: {
          /** @description The channel, percent-encoded. */
          channel: string
        }
        cookie?: never
      }
      requestBody?: never
      responses: {
        /** @description The channel; one that was never used has nobody on it. */
        200: {
          headers: {
            [name: string]: unknown
          }
          content: {
            'application/json': components['schemas']['Channel']
          }
        }
      }
    }
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/channels/{channel}/messages': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** The messages that the log has of a channel, oldest first */
    get: {
      parameters: {
        query?: {
          /** @description `<epoch>:<offset>`: the messages after this position. */
          after?: string
          /** @description So many of the newest messages. */
          last?: number
          /** @description At most so many. */
          limit?: number
        }
        header?: never
        path: {
          /** @description The channel, percent-encoded. */
          channel: string
        }
        cookie?: never
      }
      requestBody?: never
      responses: {
        /** @description The messages. */
        200: {
          headers: {
            [name: string]: unknown
          }
          content: {
            'application/json': components['schemas']['Messages']
          }
        }
      }
    }
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/users/{user}': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** Where a user is connected */
    get: {
      parameters: {
        query?: never
        header?: never
        path: {
          /** @description The `sub` of the tokens, percent-encoded. */
          user: string
        }
        cookie?: never
      }
      requestBody?: never
      responses: {
        /** @description The sessions. */
        200: {
          headers: {
            [name: string]: unknown
          }
          content: {
            'application/json': components['schemas']['User']
          }
        }
      }
    }
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/users/{user}/sessions': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    get?: never
    put?: never
    post?: never
    /** End every connection of a user (4403) */
    delete: {
      parameters: {
        query?: never
        header?: never
        path: {
          /** @description The `sub` of the tokens, percent-encoded. */
          user: string
        }
        cookie?: never
      }
      requestBody?: never
      responses: {
        /** @description How many there were. */
        200: {
          headers: {
            [name: string]: unknown
          }
          content: {
            'application/json': {
              disconnected: number
              /**
               * @description Some node may not have been told; it finds this in the registry, which it looks into by itself.
               * @constant
               */
              degraded?: true
            }
          }
        }
      }
    }
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/users/{user}/revoke': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    get?: never
    put?: never
    /** Revoke the tokens of a user that were issued until now; who is connected with one is closed (4401) */
    post: {
      parameters: {
        query?: never
        header?: never
        path: {
          /** @description The `sub` of the tokens, percent-encoded. */
          user: string
        }
        cookie?: never
      }
      requestBody?: never
      responses: {
        /** @description The moment, in milliseconds since 1970. */
        200: {
          headers: {
            [name: string]: unknown
          }
          content: {
            'application/json': {
              user: string
              before: number
              /**
               * @description Some node may not have been told; it finds this in the registry, which it looks into by itself.
               * @constant
               */
              degraded?: true
            }
          }
        }
      }
    }
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/users/{user}/subscribe': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    get?: never
    put?: never
    /** Put a user on channels, whatever the token says: with every session that is there and that comes */
    post: {
      parameters: {
        query?: never
        header?: never
        path: {
          /** @description The `sub` of the tokens, percent-encoded. */
          user: string
        }
        cookie?: never
      }
      requestBody: {
        content: {
          'application/json': {
            channels: string[]
            /** @description Of the sessions of the user this one alone. */
            session?: string
          }
        }
      }
      responses: {
        /** @description How many sessions were there. */
        200: {
          headers: {
            [name: string]: unknown
          }
          content: {
            'application/json': {
              user: string
              sessions: number
              /**
               * @description Some node may not have been told; it finds this in the registry, which it looks into by itself.
               * @constant
               */
              degraded?: true
            }
          }
        }
      }
    }
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/users/{user}/unsubscribe': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    get?: never
    put?: never
    /** End the subscriptions of a user to channels, whoever has made them */
    post: {
      parameters: {
        query?: never
        header?: never
        path: {
          /** @description The `sub` of the tokens, percent-encoded. */
          user: string
        }
        cookie?: never
      }
      requestBody: {
        content: {
          'application/json': {
            channels: string[]
            /** @description Of the sessions of the user this one alone. */
            session?: string
          }
        }
      }
      responses: {
        /** @description How many sessions were there. */
        200: {
          headers: {
            [name: string]: unknown
          }
          content: {
            'application/json': {
              user: string
              sessions: number
              /**
               * @description Some node may not have been told; it finds this in the registry, which it looks into by itself.
               * @constant
               */
              degraded?: true
            }
          }
        }
      }
    }
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
  '/v1/users/{user}/channels': {
    parameters: {
      query?: never
      header?: never
      path?: never
      cookie?: never
    }
    /** The channels that backends have put a user on */
    get: {
      parameters: {
        query?: never
        header?: never
        path: {
          /** @description The `sub` of the tokens, percent-encoded. */
          user: string
        }
        cookie?: never
      }
      requestBody?: never
      responses: {
        /** @description All of them. */
        200: {
          headers: {
            [name: string]: unknown
          }
          content: {
            'application/json': {
              user: string
              channels: {
                channel: string
                /** @description Of the sessions of the user this one alone. */
                session?: string
              }[]
            }
          }
        }
      }
    }
    put?: never
    post?: never
    delete?: never
    options?: never
    head?: never
    patch?: never
    trace?: never
  }
}
export type webhooks = Record<string, never>
export interface components {
  schemas: {
    Position: {
      epoch: string
      offset: number
    }
    Error: {
      error: {
        /** @enum {unknown} */
        code:
          | 'bad_request'
          | 'unauthorized'
          | 'forbidden'
          | 'not_found'
          | 'limit_exceeded'
          | 'rate_limited'
          | 'unavailable'
          | 'internal'
        message: string
      }
    }
    /** @description Exactly one of channel, channels, user and users. */
    Message: {
      channel?: string
      channels?: string[]
      user?: string
      users?: string[]
      /** @description Any JSON; base64 text where encoding is base64. */
      data: unknown
      /** @description Repeated within the time of `idempotency`, it is answered and not published again. */
      id?: string
      /** @constant */
      encoding?: 'base64'
      /** @description What the message is, as clients are shown: at most 200 bytes in UTF-8. */
      event?: string
      /** @description Short texts by name, as clients are shown: 1024 bytes all together. */
      headers?: {
        [key: string]: string
      }
      /** @description The session that does not get it, live or later. */
      exclude?: string
    }
    /** @description The position is absent on an ephemeral channel. */
    Published: {
      epoch?: string
      offset?: number
      /** @constant */
      duplicate?: true
      /**
       * @description Some subscribers get it later, by repair.
       * @constant
       */
      degraded?: true
    }
    /** @description `results` where the message named several channels or users, in their order. */
    Result:
      | components['schemas']['Published']
      | components['schemas']['Error']
      | {
          results: (components['schemas']['Published'] | components['schemas']['Error'])[]
        }
    Channel: {
      channel: string
      position?: components['schemas']['Position']
      subscribers: {
        local: number
        cluster: number
        /** @description Nodes that did not answer, and are not counted. */
        silent?: string[]
      }
      /** @description Users in the channel, where its namespace keeps presence. */
      presence?: string[]
      /** @description What those of them say of themselves who have entered with data, by user. */
      presenceData?: {
        [key: string]: unknown
      }
    }
    Messages: {
      messages: {
        /** @constant */
        type: 'message'
        channel: string
        offset: number
        id?: string
        /** @description The user whose client has published it. */
        from?: string
        event?: string
        headers?: {
          [key: string]: string
        }
        /** @description Milliseconds since 1970. */
        time: number
        /** @constant */
        ack?: true
        /** @constant */
        encoding?: 'base64'
        data: unknown
      }[]
      /**
       * @description The messages after the position are not all there.
       * @enum {unknown}
       */
      reset?: 'gap' | 'epoch' | 'trimmed'
      head: components['schemas']['Position']
    }
    User: {
      user: string
      sessions: {
        session: string
        node: string
      }[]
    }
  }
  responses: never
  parameters: never
  requestBodies: never
  headers: never
  pathItems: never
}
export type $defs = Record<string, never>
export type operations = Record<string, never>
