<?php
/**
 * What a backend does with Sluice, by PHP 8 and its extension curl.
 *
 *     php backend.php publish news '{"title": "Hello"}'
 *     php backend.php batch < messages.jsonl
 *     php backend.php token alice
 *     php -S 127.0.0.1:3000 backend.php
 */
declare(strict_types=1);

const ATTEMPTS = 5;

/** Repeats what may work later. Each message has an id, by which the gateway knows a repeat. */
function post_publish(array $body): array
{
    $url = (getenv('SLUICE_API_URL') ?: 'http://127.0.0.1:8081') . '/v1/publish';
    $key = getenv('SLUICE_API_KEY') ?: 'dev';
    $curl = curl_init($url);
    for ($attempt = 0; ; $attempt++) {
        $retryAfter = 0;
        curl_setopt_array($curl, [
            CURLOPT_POSTFIELDS => json_encode($body, JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION),
            CURLOPT_HTTPHEADER => ["Authorization: Bearer $key", 'Content-Type: application/json'],
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_TIMEOUT => 10,
            CURLOPT_HEADERFUNCTION => function ($_, string $line) use (&$retryAfter): int {
                if (preg_match('/^retry-after: *(\d+)/i', $line, $found)) $retryAfter = (int) $found[1];
                return strlen($line);
            },
        ]);
        $said = curl_exec($curl);
        $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
        if ($status === 200) return json_decode($said, true, 512, JSON_THROW_ON_ERROR);
        $passes = $said === false || in_array($status, [429, 500, 502, 503, 504], true);
        if (!$passes || $attempt === ATTEMPTS - 1) {
            $why = $said === false ? 'no answer: ' . curl_error($curl) : "$status: $said";
            throw new RuntimeException("Sluice at $url: $why");
        }
        usleep($retryAfter * 1_000_000 + random_int(0, 100_000 * 2 ** $attempt));
    }
}

function publish(string $channel, mixed $data): array
{
    return post_publish(['channel' => $channel, 'data' => $data, 'id' => bin2hex(random_bytes(16))]);
}

/** Messages are ['channel' or 'user', 'data']. One result for each; one that was refused has 'error'. */
function publish_batch(array $messages): array
{
    return post_publish(array_map(
        fn (array $message) => $message + ['id' => bin2hex(random_bytes(16))],
        $messages,
    ));
}

/** Signed with the secret of the gateway; docs/tokens.md has what it may say. */
function token(string $user, array $subscribe, int $ttlSeconds = 3600): string
{
    $claims = [
        'sub' => $user,
        'iat' => time(),
        'exp' => time() + $ttlSeconds,
        'sluice' => ['subscribe' => $subscribe],
    ];
    $signed = base64url('{"alg":"HS256","typ":"JWT"}') . '.' . base64url(json_encode($claims, JSON_THROW_ON_ERROR));
    return $signed . '.' . base64url(hash_hmac('sha256', $signed, (string) getenv('SLUICE_JWT_SECRET'), true));
}

function base64url(string $data): string
{
    return rtrim(strtr(base64_encode($data), '+/', '-_'), '=');
}

function answer(int $status, array $body): void
{
    http_response_code($status);
    header('Content-Type: application/json');
    header('Cache-Control: no-store');
    echo json_encode($body);
}

/** `GET /realtime-token`, which the page's client asks for a token. */
function serve(): void
{
    if (parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) !== '/realtime-token') {
        answer(404, ['error' => 'not found']);
        return;
    }
    // Your session, in the place of this: a cookie that says who somebody is is nobody's proof.
    $user = $_COOKIE['user'] ?? null;
    if ($user === null) answer(401, ['error' => 'log in first']);
    else answer(200, ['token' => token($user, ['news:*', 'news'])]);
}

function main(array $words): void
{
    // Objects stay objects: as an array, an empty one would become [].
    $json = fn (string $text) => json_decode($text, false, 512, JSON_THROW_ON_ERROR);
    switch ($words[0] ?? '') {
        case 'publish':
            echo json_encode(publish($words[1], $json($words[2]))), "\n";
            break;
        case 'batch':
            $lines = array_filter(explode("\n", stream_get_contents(STDIN)));
            $messages = array_map(fn (string $line) => (array) $json($line), array_values($lines));
            foreach (publish_batch($messages) as $result) echo json_encode($result), "\n";
            break;
        case 'token':
            echo token($words[1], ['news:*', 'news']), "\n";
            break;
        default:
            fwrite(STDERR, "publish CHANNEL JSON, batch, or token USER; php -S 127.0.0.1:3000 backend.php serves\n");
            exit(1);
    }
}

if (PHP_SAPI === 'cli-server') serve();
else main(array_slice($argv, 1));
