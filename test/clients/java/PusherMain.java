import com.pusher.client.Pusher;
import com.pusher.client.PusherOptions;
import com.pusher.client.channel.ChannelEventListener;
import com.pusher.client.channel.PresenceChannel;
import com.pusher.client.channel.PresenceChannelEventListener;
import com.pusher.client.channel.PrivateChannel;
import com.pusher.client.channel.PrivateChannelEventListener;
import com.pusher.client.channel.PusherEvent;
import com.pusher.client.channel.User;
import com.pusher.rest.data.Event;
import com.pusher.rest.data.PresenceUser;
import com.pusher.rest.data.Result;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * A stock client of Pusher for Android, and the library for backends: what they are told, as one line of JSON.
 * Arguments: port, port of the API, id, key and secret of the app, a socket to leave out.
 */
public class PusherMain {
  private static final long PATIENCE_SECONDS = 30;
  private static final String ROOM = "presence-room";
  private static final BlockingQueue<String> SUBSCRIBED = new LinkedBlockingQueue<>();
  private static final BlockingQueue<String> TOLD = new LinkedBlockingQueue<>();

  public static void main(String[] args) {
    try {
      run(args);
      System.exit(0);
    } catch (Exception error) {
      // Threads of the client would keep it going.
      error.printStackTrace();
      System.exit(1);
    }
  }

  private static void run(String[] args) throws Exception {
    com.pusher.rest.Pusher backend = new com.pusher.rest.Pusher(args[2], args[3], args[4]);
    backend.setHost("127.0.0.1:" + args[1]);
    backend.setEncrypted(false);
    PusherOptions options = new PusherOptions().setHost("127.0.0.1").setWsPort(Integer.parseInt(args[0])).setUseTLS(false);
    options.setChannelAuthorizer((channel, socket) -> channel.equals(ROOM)
        // As a number that JavaScript would round.
        ? backend.authenticate(socket, channel, new PresenceUser(12345678901234567L, Collections.singletonMap("name", "J")))
        : backend.authenticate(socket, channel));
    options.setUserAuthenticator(socket -> signed(args[3], args[4], socket));
    Pusher client = new Pusher(args[3], options);
    client.connect();
    Listener listener = new Listener();
    client.subscribe("news", (ChannelEventListener) listener, "note");
    PrivateChannel mine = client.subscribePrivate("private-news", listener, "note");
    PresenceChannel room = client.subscribePresence(ROOM, listener, "note");
    for (int count = 0; count < 3; count++) next(SUBSCRIBED);
    String members = String.valueOf(room.getUsers().size());
    String me = room.getMe().getId();

    ok(backend.trigger(Arrays.asList("news", "private-news"), "note", Collections.singletonMap("n", 1)));
    String news = next(TOLD) + "," + next(TOLD);
    ok(backend.trigger(ROOM, "note", Collections.singletonMap("n", "left out"), args[5]));
    String inRoom = next(TOLD);
    ok(backend.trigger(Arrays.asList(new Event("news", "note", Collections.singletonMap("n", 2)), new Event("other", "note", "text"))));
    String batch = next(TOLD);
    mine.trigger("client-note", "{\"n\":3}");
    BlockingQueue<String> toUser = new LinkedBlockingQueue<>();
    client.user().bind("note", event -> toUser.add(event.getData()));
    client.signin();
    // The library for backends cannot: another one does.
    String user = next(toUser);
    Map<String, String> query = new HashMap<>();
    query.put("filter_by_prefix", "presence-");
    query.put("info", "user_count");
    String channels = ok(backend.get("/channels", query));
    String users = ok(backend.get("/channels/" + ROOM + "/users"));
    int refused = backend.get("/channels/news/users").getHttpStatus();
    System.out.println("{\"members\":" + members + ",\"me\":\"" + me + "\",\"news\":[" + news + "],\"room\":" + inRoom
        + ",\"batch\":" + batch + ",\"user\":" + user + ",\"channels\":" + channels + ",\"users\":" + users
        + ",\"refused\":" + refused + "}");
  }

  private static String signed(String key, String secret, String socket) {
    try {
      String user = "{\"id\":\"java\"}";
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(secret.getBytes(), "HmacSHA256"));
      StringBuilder hex = new StringBuilder();
      for (byte one : mac.doFinal((socket + "::user::" + user).getBytes())) hex.append(String.format("%02x", one));
      return "{\"auth\":\"" + key + ":" + hex + "\",\"user_data\":\"" + user.replace("\"", "\\\"") + "\"}";
    } catch (java.security.GeneralSecurityException error) {
      throw new IllegalStateException(error);
    }
  }

  private static String ok(Result result) {
    if (result.getHttpStatus() == null || result.getHttpStatus() != 200) throw new IllegalStateException(result.getMessage());
    return result.getMessage();
  }

  private static String next(BlockingQueue<String> queue) throws Exception {
    String found = queue.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
    if (found == null) throw new IllegalStateException("nothing came");
    return found;
  }

  private static class Listener implements PrivateChannelEventListener, PresenceChannelEventListener {
    @Override
    public void onSubscriptionSucceeded(String channel) {
      SUBSCRIBED.add(channel);
    }

    @Override
    public void onEvent(PusherEvent event) {
      TOLD.add(event.getData());
    }

    @Override
    public void onAuthenticationFailure(String message, Exception error) {
      throw new IllegalStateException(message, error);
    }

    @Override
    public void onUsersInformationReceived(String channel, Set<User> users) {}

    @Override
    public void userSubscribed(String channel, User user) {}

    @Override
    public void userUnsubscribed(String channel, User user) {}
  }
}
