import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.FileReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.mirror.MirrorClient;
import org.apache.kafka.connect.mirror.RemoteClusterUtils;

/**
 * What an application learns of a mirrored cluster through Kafka's own library.
 *
 * Takes a file of client properties. Each line of standard input is a question, its words parted by tabs; the answer to
 * each is one line of JSON:
 *
 *   hops ALIAS         heartbeats         checkpoints         upstream
 *   remote [ALIAS]     offsets ALIAS GROUP LIMIT_MS           matching ALIAS REGEX LIMIT_MS
 */
public class RemoteClusters {
    private final Map<String, Object> properties;

    private RemoteClusters(Map<String, Object> properties) {
        this.properties = properties;
    }

    public static void main(String[] arguments) throws Exception {
        Properties file = new Properties();
        try (FileReader reader = new FileReader(arguments[0])) {
            file.load(reader);
        }
        Map<String, Object> properties = new HashMap<>();
        file.forEach((key, value) -> properties.put((String) key, value));
        RemoteClusters clusters = new RemoteClusters(properties);
        BufferedReader questions = new BufferedReader(new InputStreamReader(System.in));
        ObjectMapper json = new ObjectMapper();
        for (String line = questions.readLine(); line != null; line = questions.readLine()) {
            System.out.println(json.writeValueAsString(clusters.answer(line.split("\t"))));
        }
    }

    private Object answer(String[] words) throws InterruptedException, TimeoutException {
        switch (words[0]) {
            case "hops":
                return RemoteClusterUtils.replicationHops(properties, words[1]);
            case "heartbeats":
                return new TreeSet<>(RemoteClusterUtils.heartbeatTopics(properties));
            case "checkpoints":
                return new TreeSet<>(RemoteClusterUtils.checkpointTopics(properties));
            case "upstream":
                return new TreeSet<>(RemoteClusterUtils.upstreamClusters(properties));
            case "remote":
                return remoteTopics(words);
            case "offsets":
                return rows(RemoteClusterUtils.translateOffsets(
                    properties, words[1], words[2], Duration.ofMillis(Long.parseLong(words[3]))));
            case "matching":
                return matching(words);
            default:
                throw new IllegalArgumentException("no such question: " + words[0]);
        }
    }

    private Object remoteTopics(String[] words) throws InterruptedException {
        try (MirrorClient client = new MirrorClient(properties)) {
            return new TreeSet<>(words.length > 1 ? client.remoteTopics(words[1]) : client.remoteTopics());
        }
    }

    private Object matching(String[] words) throws InterruptedException, TimeoutException {
        Map<String, Object> found = new TreeMap<>();
        RemoteClusterUtils.translateOffsets(
                properties, words[1], Pattern.compile(words[2]), Duration.ofMillis(Long.parseLong(words[3])))
            .forEach((group, offsets) -> found.put(group, rows(offsets)));
        return found;
    }

    private static List<Object> rows(Map<TopicPartition, OffsetAndMetadata> offsets) {
        List<Object> rows = new ArrayList<>();
        offsets.forEach((place, offset) -> rows.add(
            List.of(place.topic(), place.partition(), offset.offset(), offset.metadata())));
        return rows;
    }
}
