import io.github.centrifugal.centrifuge.Client;
import io.github.centrifugal.centrifuge.EventListener;
import io.github.centrifugal.centrifuge.HistoryOptions;
import io.github.centrifugal.centrifuge.Options;
import io.github.centrifugal.centrifuge.Publication;
import io.github.centrifugal.centrifuge.PublicationEvent;
import io.github.centrifugal.centrifuge.ReplyError;
import io.github.centrifugal.centrifuge.ResultCallback;
import io.github.centrifugal.centrifuge.SubscribedEvent;
import io.github.centrifugal.centrifuge.Subscription;
import io.github.centrifugal.centrifuge.SubscriptionEventListener;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/** A stock client of Centrifuge in Java (Protobuf only): what it is told, as one line of JSON. Arguments: URL, token, channel. */
public class Main {
  private static final long PATIENCE_SECONDS = 30;

  public static void main(String[] args) throws Exception {
    String channel = args[2];
    Client client = open(args[0], args[1]);
    BlockingQueue<SubscribedEvent> subscribed = new LinkedBlockingQueue<>();
    BlockingQueue<String> published = new LinkedBlockingQueue<>();
    Subscription subscription = client.newSubscription(channel, new SubscriptionEventListener() {
      @Override
      public void onSubscribed(Subscription one, SubscribedEvent event) {
        subscribed.add(event);
      }

      @Override
      public void onPublication(Subscription one, PublicationEvent event) {
        published.add(new String(event.getData(), StandardCharsets.UTF_8));
      }
    });
    client.connect();
    subscription.subscribe();
    next(subscribed);
    publish(client, channel, 1);
    String live = next(published);

    // What is published meanwhile is missed, and comes with the answer to the next subscribe.
    client.disconnect();
    Client other = open(args[0], args[1]);
    other.connect();
    publish(other, channel, 2);
    publish(other, channel, 3);
    other.close(1000);
    client.connect();
    boolean recovered = next(subscribed).getRecovered();
    String again = next(published) + "," + next(published);

    HistoryOptions newest = new HistoryOptions.Builder().withLimit(2).withReverse(true).build();
    List<Publication> page = Main.<io.github.centrifugal.centrifuge.HistoryResult>ask(
        done -> subscription.history(newest, done)).getPublications();
    String history = page.stream().map(one -> String.valueOf(one.getOffset())).collect(Collectors.joining(","));
    int presence = Main.<io.github.centrifugal.centrifuge.PresenceStatsResult>ask(subscription::presenceStats)
        .getNumClients();
    CompletableFuture<Integer> rpc = new CompletableFuture<>();
    client.rpc("method", "{}".getBytes(StandardCharsets.UTF_8), (error, result) ->
        rpc.complete(error instanceof ReplyError ? ((ReplyError) error).getCode() : 0));
    System.out.println("{\"live\":[" + live + "],\"again\":[" + again + "],\"recovered\":" + recovered
        + ",\"history\":[" + history + "],\"presence\":" + presence
        + ",\"rpc\":" + rpc.get(PATIENCE_SECONDS, TimeUnit.SECONDS) + "}");
    client.close(1000);
    System.exit(0);
  }

  private static Client open(String url, String token) {
    Options options = new Options();
    options.setToken(token);
    options.setMinReconnectDelay(1);
    return new Client(url, options, new EventListener() {});
  }

  private static void publish(Client client, String channel, int number) throws Exception {
    byte[] data = ("{\"n\":" + number + "}").getBytes(StandardCharsets.UTF_8);
    Main.<io.github.centrifugal.centrifuge.PublishResult>ask(done -> client.publish(channel, data, done));
  }

  private static <T> T ask(Consumer<ResultCallback<T>> call) throws Exception {
    CompletableFuture<T> answered = new CompletableFuture<>();
    call.accept((error, result) -> {
      if (error == null) answered.complete(result);
      else answered.completeExceptionally(error);
    });
    return answered.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
  }

  private static <T> T next(BlockingQueue<T> queue) throws Exception {
    T found = queue.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
    if (found == null) throw new IllegalStateException("nothing came");
    return found;
  }
}
